"""Packets that a router's kernel forwards while the engine that announced the route is killed."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Interface, IPv6Interface, ip_network

import pytest

from exalb_bgp.session import Family
from tests.lab.network import Interface, Namespace, connect
from tests.lab.wait import until
from tests.router.probe import Probe
from tests.support.routers.world import Peer, World, host, table

CLIENT: tuple[Interface, ...] = IPv4Interface("203.0.113.2/24"), IPv6Interface("2001:db8:113::2/64")
DOOR: tuple[Interface, ...] = IPv4Interface("203.0.113.1/24"), IPv6Interface("2001:db8:113::1/64")
SIZE = 60


@dataclass(frozen=True)
class Road:
    """A client behind the router, whose kernel knows the announced addresses by BGP alone."""

    world: World
    client: Namespace

    @property
    def peers(self) -> list[Peer]:
        """The sessions with the router on the way."""
        return [peer for peer in self.world.peers.values() if peer.router.kind == "frr"]

    def probe(self, family: Family) -> Probe:
        """Send packets to the first announced address."""
        return Probe(self.client, self.world.node, host(family, 0).network_address)


@pytest.fixture(scope="module")
def client(built: World) -> Iterator[Namespace]:
    """Plug a client into the router, and have the node own the addresses."""
    router = next(router.namespace for router in built.routers if router.kind == "frr")
    client = Namespace.create(built.lab, "client")
    connect(client, "eth0", router, "eth1")
    client.address("eth0", *CLIENT)
    router.address("eth1", *DOOR)
    hops = [peer.address for peer in built.peers.values() if peer.router.namespace == router]
    for outside, door, hop in zip(CLIENT, DOOR, hops, strict=True):
        client.route(ip_network("0.0.0.0/0" if door.version == 4 else "::/0"), door.ip)
        built.node.route(outside.network, hop)
    for family in Family:
        built.node.ip(f"address add {host(family, 0)} dev lo")
    yield client
    client.delete()


@pytest.fixture
def road(world: World, client: Namespace) -> Road:
    """Announce the addresses to the router."""
    world.announce(table(SIZE), *world.peers.values())
    world.until_announced(*world.peers.values())
    world.engine.settle()
    return Road(world, client)


def are_new(road: Road, before: dict[str, int]) -> bool:
    """Whether the sessions with the router are new ones."""
    now = road.world.connections()
    assert all(now[peer.name] > before[peer.name] for peer in road.peers), (before, now)
    return True


@pytest.mark.parametrize("family", list(Family), ids=[family.value for family in Family])
def test_killed_processes_lose_no_packet(road: Road, family: Family) -> None:
    """Graceful restart (RFC 4724), from the kill until the router has removed the stale routes."""
    world = road.world
    for kill in (world.engine.kill_exabgp, world.engine.kill_relay, world.engine.kill_driver):
        before = world.connections()
        with road.probe(family) as probe:
            kill()
            if kill == world.engine.kill_driver:
                world.engine.start_driver()
                world.act_on_engine()
            if kill == world.engine.kill_exabgp:
                until("the sessions are Established again", partial(are_new, road, before), seconds=60)
            world.until_established(*road.peers)
            world.engine.settle(seconds=60)
            world.until_announced(*road.peers)
        assert probe.lost == [], f"of {probe.sent}"


def test_packets_are_lost_without_graceful_restart(road: Road) -> None:
    """Without graceful restart packets are lost: the probe can see a loss."""
    world = road.world
    for peer in road.peers:
        world.change(peer, {"graceful_restart": None}, {})
    world.act()
    world.until_established(*road.peers)
    world.until_announced(*road.peers)
    world.engine.settle()
    before = world.connections()
    with road.probe(Family.IPV4) as probe:
        world.engine.kill_driver()  # so that the gap is not over before it is seen
        world.engine.kill_exabgp()
        until("packets are lost", lambda: len(probe.lost) > 10)
        world.engine.start_driver()
        world.act_on_engine()
        until("the sessions are Established again", partial(are_new, road, before), seconds=60)
        world.until_announced(*road.peers)
        arrived = len(probe.arrived)
        until("packets arrive again", lambda: len(probe.arrived) > arrived)
