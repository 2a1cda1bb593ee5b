"""The watcher of a walk sees a route that stays too long, and one that nobody asked for."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address
from typing import ClassVar

import pytest

from exalb_bgp.rib import Address, Attributes, Prefix
from exalb_bgp.session import Family
from exalb_bgp.speaker import Speaker
from tests.chaos.routers.watcher import Watcher
from tests.lab.network import Namespace
from tests.lab.routers.router import Neighbor, Peering, Route, Router
from tests.lab.wait import until
from tests.support.routers.world import NODE, ROUTER_ASN, Peer, World, host

WANTED, GONE, STRANGE = (host(Family.IPV4, number) for number in range(3))


class Shelf(Router):
    """A router that holds whatever is put there."""

    kind: ClassVar[str] = "shelf"
    pid_files: ClassVar[tuple[str, ...]] = ()
    held: ClassVar[tuple[Prefix, ...]] = ()

    def _start(self, neighbors: tuple[Neighbor, ...]) -> None:
        """Nothing runs."""

    def configure(self, *neighbors: Neighbor) -> None:
        """Everybody is a neighbour."""

    def peerings(self) -> Mapping[Address, Peering]:
        """There are no sessions."""
        return {}

    def prefixes(self) -> Mapping[Prefix, frozenset[Address]]:
        """All of it came from the node."""
        return {prefix: frozenset({NODE[Family.IPV4]}) for prefix in self.held}

    def routes(self) -> list[Route]:
        """Attributes are not what a watcher looks at."""
        return []

    def reset(self, neighbor: Address | None = None) -> None:
        """There are no sessions."""

    @property
    def look(self) -> str:
        """There is nothing to look at."""
        return "true"


@pytest.fixture
def watched() -> Iterator[tuple[World, Peer, list[bool]]]:
    """Return a world with nothing but a shelf, and whether it is disturbed."""
    world, address = World("shelf"), IPv4Address("10.77.0.101")
    router = Shelf(Namespace("shelf", "router"), ROUTER_ASN, address)
    peer = Peer(router, Family.IPV4, address, address)
    world.routers, world.peers = [router], {peer.name: peer}
    Shelf.held = ()
    yield world, peer, [False]
    Shelf.held = ()


def goal(peer: Peer, *prefixes: Prefix) -> Speaker:
    """Ask for these prefixes."""
    return Speaker({peer.name: peer.session}, {peer.name: dict.fromkeys(prefixes, Attributes())})


def test_a_route_may_stay_for_a_while_and_no_longer(watched: tuple[World, Peer, list[bool]]) -> None:
    world, peer, disturbed = watched
    Shelf.held = (WANTED, GONE)
    with Watcher(world, lambda: disturbed[0], longest=0.1, pause=0.01) as watcher:
        watcher.want(goal(peer, WANTED, GONE))
        disturbed[0] = True
        watcher.want(goal(peer, WANTED))
        looks = watcher.looks
        until("a disturbed router was looked at", lambda: watcher.looks > looks + 30)
        assert watcher.wrong == []
        disturbed[0] = False
        until("it stayed for too long", lambda: watcher.wrong)
    assert all(f"{GONE} from" in said and "undesired for" in said for said in watcher.wrong)


def test_a_route_that_nobody_asked_for_is_wrong_at_once(watched: tuple[World, Peer, list[bool]]) -> None:
    world, peer, _ = watched
    Shelf.held = (WANTED, STRANGE)
    with Watcher(world, lambda: True, pause=0.01) as watcher:
        watcher.want(goal(peer, WANTED))
        until("it is seen", lambda: watcher.wrong)
    assert all(f"{STRANGE} from" in said and "nobody" in said for said in watcher.wrong)
