"""A control plane with ExaLB's custom resources in it, and a way to it that tests can shut."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import yaml

from exalb.apiserver import ApiServer
from exalb.credentials import Credentials, load_credentials
from tests.cluster.gate import Gate
from tests.cluster.programs import Programs
from tests.cluster.world import World
from tests.lab import layout
from tests.lab.cluster import Lab
from tests.lab.nodeconfig import API_PORT

CRDS = Path(__file__).parents[2] / "crds"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep the tests that make what is the whole cluster's from running side by side."""
    for fixture in ("world", "releases"):
        if fixture in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(fixture))


@pytest.fixture(scope="session")
def cluster(apiserver: Lab) -> Lab:
    """Return the lab whose API server knows our custom resources."""
    return _with_crds(apiserver)


@pytest.fixture
def release(releases: Lab) -> Lab:
    """Return the lab, with our custom resources, in which the chart may be installed."""
    return _with_crds(releases)


def _with_crds(lab: Lab) -> Lab:
    lab.kubectl("apply", "--server-side", "--force-conflicts", f"--filename={CRDS}")
    lab.kubectl("wait", "--for=condition=Established", f"--filename={CRDS}")
    return lab


@pytest.fixture
def world(cluster: Lab) -> Iterator[World]:
    """Return the objects of one test, in a namespace of its own; nothing of it is left."""
    world = World(cluster)
    world.begin()
    yield world
    world.end()


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
async def api(credentials: Credentials) -> AsyncIterator[ApiServer]:
    """Return our client, by way of the gate."""
    async with ApiServer(credentials) as api:
        yield api


@pytest.fixture
def programs(cluster: Lab, tmp_path: Path) -> Iterator[Programs]:
    """Return what starts ExaLB's programs; none of them outlives the test."""
    with Programs(cluster, tmp_path).ended() as programs:
        yield programs
