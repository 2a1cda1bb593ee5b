"""A control plane with ExaLB's custom resources in it."""

from pathlib import Path

import pytest

from tests.lab.cluster import Lab

CRDS = Path(__file__).parents[2] / "crds"


@pytest.fixture(scope="session")
def cluster(apiserver: Lab) -> Lab:
    """Return the lab whose API server knows our custom resources."""
    apiserver.kubectl("apply", "--server-side", f"--filename={CRDS}")
    apiserver.kubectl("wait", "--for=condition=Established", f"--filename={CRDS}")
    return apiserver
