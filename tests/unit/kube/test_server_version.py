"""The oldest Kubernetes that ExaLB works with: the programs refuse older ones, and the chart names the same version."""

import pytest
import yaml

from exalb.kube.client import Json, UnavailableError
from exalb.kube.server_version import OLDEST, too_old, unsupported
from tests.support.tree import ROOT


class Server:
    """An API server that says its version, or does not answer."""

    def __init__(self, version: str | None) -> None:
        self._version = version

    async def get(self, path: str) -> Json:
        """Answer /version."""
        assert path == "/version"
        if self._version is None:
            raise UnavailableError("no answer in time")
        return {"gitVersion": self._version}


@pytest.mark.parametrize("version", ["v1.31.0", "v1.31.4+k3s1", "v1.37.2", "v1.100.0-alpha.1", "v2.0.0", "", "unknown"])
def test_version_is_supported_or_unknown(version: str) -> None:
    assert too_old({"gitVersion": version}) is None


@pytest.mark.parametrize("version", ["v1.30.14", "v1.9.0", "v0.31.0"])
async def test_old_version_is_named(version: str) -> None:
    assert (await unsupported(Server(version)) or "").startswith(f"this cluster has Kubernetes {version}")


async def test_silent_server_is_not_judged() -> None:
    assert await unsupported(Server(None)) is None


def test_chart_requires_the_same_version() -> None:
    chart = yaml.safe_load((ROOT / "charts" / "exalb" / "Chart.yaml").read_text())
    assert chart["kubeVersion"] == f">={OLDEST[0]}.{OLDEST[1]}.0-0"
