"""One world for each file of stories, plain again at the start of every story."""

import os
from collections.abc import Iterator

import pytest

from exalb_bgp.session import Family
from tests.lab import fixtures, packages, reaper, sweep
from tests.lab.layout import Layout
from tests.router.world import MAKERS, Peer, World

PEERS = [f"{maker.kind}-{family.value}" for maker in MAKERS for family in Family]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the stories of one file, and so its world, on one worker of a parallel run."""
    for item in items:
        if isinstance(item, pytest.Function) and "built" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session", autouse=True)
def possible() -> None:
    """Skip all stories where the machine cannot tell them."""
    if os.geteuid() != 0:
        pytest.skip("router stories make network namespaces, which takes root")
    fixtures.require(packages.ROUTERS)


@pytest.fixture(scope="module")
def lab(possible: None) -> Iterator[str]:  # noqa: ARG001
    """Name a lab of this run's own, which is cleared away however the run ends."""
    layout = Layout(f"r{os.getpid():x}")
    with sweep.alone(layout):
        sweep.clear(layout)
        (layout.state / "logs").mkdir(parents=True)
        reaper.start(layout, os.getpid())
    try:
        yield layout.name
    finally:
        reaper.release(layout)
        with sweep.alone(layout):
            sweep.clear(layout)


@pytest.fixture(scope="module")
def built(lab: str) -> Iterator[World]:
    """Build the world once for a file of stories."""
    world = World(lab)
    try:
        world.build()
        yield world
    finally:
        world.destroy()


@pytest.fixture
def world(built: World) -> World:
    """Six plain sessions, all Established, and nothing announced."""
    built.reset()
    return built


@pytest.fixture(params=[family.value for family in Family])
def trio(world: World, request: pytest.FixtureRequest) -> list[Peer]:
    """Sessions with all three routers: over IPv4, then over IPv6."""
    return [peer for peer in world.peers.values() if peer.family.value == request.param]


@pytest.fixture(params=PEERS)
def peer(world: World, request: pytest.FixtureRequest) -> Peer:
    """Each session in turn."""
    return world.peers[request.param]


@pytest.fixture(params=[maker.kind for maker in MAKERS])
def pair(world: World, request: pytest.FixtureRequest) -> list[Peer]:
    """Both sessions of each router in turn: over IPv4, over IPv6."""
    return [peer for peer in world.peers.values() if peer.router.kind == request.param]
