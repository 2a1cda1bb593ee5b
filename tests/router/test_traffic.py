"""Packets that pass through a router's kernel while the engine that told it the way is killed."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Interface, IPv6Interface, ip_network

import pytest

from exalb_bgp.session import Family
from tests.lab.network import Interface, Namespace, connect
from tests.lab.wait import until
from tests.router.probe import Probe
from tests.router.world import Peer, World, host, table

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
    """Tell the router of the addresses."""
    world.tell(table(SIZE), *world.peers.values())
    world.until_told(*world.peers.values())
    world.engine.settle()
    return Road(world, client)


def came_again(road: Road, before: dict[str, int]) -> bool:
    """Whether the sessions with the router are new ones."""
    now = road.world.connections()
    assert all(now[peer.name] > before[peer.name] for peer in road.peers), (before, now)
    return True


@pytest.mark.parametrize("family", list(Family), ids=[family.value for family in Family])
def test_no_packet_is_lost_while_exabgp_is_killed(road: Road, family: Family) -> None:
    """Graceful restart (RFC 4724), from the death until the router has dropped what it kept as stale."""
    world = road.world
    for kill in (world.engine.kill_exabgp, world.engine.kill_relay, world.engine.kill_driver):
        before = world.connections()
        with road.probe(family) as probe:
            kill()
            if kill == world.engine.kill_driver:
                world.engine.start_driver()
                world.act_on_engine()
            if kill == world.engine.kill_exabgp:
                until("the sessions came again", partial(came_again, road, before), seconds=60)
            world.until_established(*road.peers)
            world.engine.settle(seconds=60)
            world.until_told(*road.peers)
        assert probe.lost == [], f"of {probe.sent}"


def test_packets_are_lost_where_nothing_was_agreed(road: Road) -> None:
    """Without graceful restart there is a gap: proof that a probe would see one."""
    world = road.world
    for peer in road.peers:
        world.change(peer, {"graceful_restart": None}, {})
    world.act()
    world.until_established(*road.peers)
    world.until_told(*road.peers)
    world.engine.settle()
    before = world.connections()
    with road.probe(Family.IPV4) as probe:
        world.engine.kill_driver()  # so that the gap is not over before it is seen
        world.engine.kill_exabgp()
        until("packets are lost", lambda: len(probe.lost) > 10)
        world.engine.start_driver()
        world.act_on_engine()
        until("the sessions came again", partial(came_again, road, before), seconds=60)
        world.until_told(*road.peers)
        arrived = len(probe.arrived)
        until("packets arrive again", lambda: len(probe.arrived) > arrived)
