"""A control plane with ExaLB's custom resources in it, and a way to it that tests can shut."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import yaml

from exalb.kube.client import ApiClient
from exalb.kube.credentials import Credentials, load_credentials
from tests.lab import layout
from tests.lab.cluster import Lab
from tests.lab.nodeconfig import API_PORT
from tests.support.kubernetes.fixtures import cluster, install_crds, programs, pytest_itemcollected, world
from tests.support.kubernetes.gate import Gate

__all__ = ["cluster", "programs", "pytest_itemcollected", "world"]


@pytest.fixture
def release(releases: Lab) -> Lab:
    """Return the lab, with our custom resources, in which the chart may be installed."""
    return install_crds(releases)


@pytest.fixture
def gate(cluster: Lab) -> Iterator[Gate]:
    """Return an open gate to the API server."""
    address = layout.on_fabric(layout.CONTROL_PLANE)[0].ip
    with Gate(cluster.control_plane.namespace, str(address), API_PORT) as gate:
        yield gate


@pytest.fixture
def kubeconfig(cluster: Lab, gate: Gate, tmp_path: Path) -> Path:
    """Return the administrator's kubeconfig, by way of the gate."""
    data = yaml.safe_load(cluster.layout.kubeconfig.read_text())
    data["clusters"][0]["cluster"]["server"] = gate.url
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.fixture
def credentials(kubeconfig: Path) -> Credentials:
    """Return the way to the API server that our programs would take."""
    return load_credentials(str(kubeconfig))


@pytest.fixture
async def api(credentials: Credentials) -> AsyncIterator[ApiClient]:
    """Return our client, by way of the gate."""
    async with ApiClient(credentials) as api:
        yield api
