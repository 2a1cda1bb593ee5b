"""The parameters of router stories: each session, router and family in turn."""

import pytest

from exalb_bgp.session import Family
from tests.support.routers.fixtures import built, lab, possible, world
from tests.support.routers.world import MAKERS, Peer, World

__all__ = ["built", "lab", "possible", "world"]

PEERS = [f"{maker.kind}-{family.value}" for maker in MAKERS for family in Family]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the stories of one file, and so its world, on one worker of a parallel run."""
    for item in items:
        if isinstance(item, pytest.Function) and "built" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


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
