"""A control plane with ExaLB's custom resources, the objects of one test in it, and ExaLB's programs."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import wait
from tests.lab.cluster import Lab
from tests.support.kubernetes.programs import Programs
from tests.support.kubernetes.world import World
from tests.support.tree import ROOT

CRDS = ROOT / "crds"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Run tests that create cluster-scoped objects one after the other."""
    for fixture in ("world", "releases"):
        if fixture in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(fixture))


def install_crds(lab: Lab) -> Lab:
    """Install the custom resource definitions of the checkout, and wait until the API server serves them."""
    lab.kubectl("apply", "--server-side", "--force-conflicts", f"--filename={CRDS}")
    lab.kubectl("wait", "--for=condition=Established", f"--filename={CRDS}")
    return lab


def delete_crds(lab: Lab) -> None:
    """Delete the custom resource definitions, and wait until they are gone.

    An API server that has not yet opened the storage of a definition which was created a moment ago looks at its
    deletion again after up to 5 minutes, or when the definition changes.
    """
    lab.kubectl("delete", "--ignore-not-found", "--wait=false", f"--filename={CRDS}")

    def are_gone() -> bool:
        left = lab.kubectl("get", "--ignore-not-found", "--output=name", f"--filename={CRDS}").split()
        for name in left:
            lab.kubectl("annotate", "--overwrite", name, f"exalb.io/looked-at={time.monotonic()}", check=False)
        return not left

    wait.until("the definitions are gone", are_gone, seconds=60, every=0.5)


@pytest.fixture(scope="session")
def cluster(apiserver: Lab) -> Lab:
    """Return the lab whose API server knows our custom resources."""
    return install_crds(apiserver)


@pytest.fixture
def world(cluster: Lab) -> Iterator[World]:
    """Return the objects of one test, in a namespace of its own; nothing of it is left."""
    with World(cluster) as world:
        yield world


@pytest.fixture
def programs(cluster: Lab, tmp_path: Path) -> Iterator[Programs]:
    """Return the starter of ExaLB's programs; none of them outlives the test."""
    with Programs(cluster, tmp_path).ended() as programs:
        yield programs
