"""Floods of the port of BFD: they cost the process little, and no session of another router moves."""

import sys
from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Address

import pytest

from exalb_bfd.packet import State
from exalb_bfd.peers import Peer as BfdPeer
from tests.lab.network import Namespace
from tests.lab.routers.router import BfdPeering
from tests.lab.wait import until
from tests.support.engine.bfd import BfdProcess
from tests.support.routers.world import NODE, Peer, World

pytestmark = pytest.mark.release
INTERVAL = 300
"""Milliseconds."""
PACKETS = 50_000
FLOOD = """
import socket, sys
address, ttl, count, packet = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), bytes.fromhex(sys.argv[4])
sending = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sending.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
print(sum(sending.sendto(packet, (address, 3784)) == len(packet) for _ in range(count)))
"""
DOWN = "20400318" + "00000001" + "00000000" + "000f4240" + "000f4240" + "00000000"
"""A well-formed packet that says Down, with no discriminator of ours: a router that has just started."""
GARBAGE = "3f" + "ff" * 23
"""Of the version of BFD, so that the kernel lets it pass where it comes from a router."""


@pytest.fixture(scope="module")
def process(built: World) -> Iterator[BfdProcess]:
    made = BfdProcess(built.node)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def victims(world: World, process: BfdProcess) -> dict[str, Peer]:
    """Return the peers with BFD over IPv4, Up at both ends."""
    peers = {kind: world.peers[f"{kind}-ipv4"] for kind in ("frr", "bird")}
    for peer in peers.values():
        world.change(peer, {}, {"bfd": INTERVAL})
    process.apply({})
    world.act()
    world.until_established(*peers.values())
    goal = {peer.name: BfdPeer(peer.address, INTERVAL, INTERVAL, 3, NODE[peer.family]) for peer in peers.values()}
    process.apply(goal)
    process.until_state(State.UP, *goal)
    for peer in peers.values():
        until(f"{peer.name} is Up at the router", partial(is_up, peer))
    world.until_established(*peers.values())
    return peers


def at_router(peer: Peer) -> BfdPeering:
    return peer.router.bfd_sessions()[NODE[peer.family]]


def is_up(peer: Peer) -> bool:
    return at_router(peer).up


def seen(process: BfdProcess, peer: Peer) -> tuple[State, float | None, int]:
    """Return the state of a session, since when it has it, and how many packets were too many."""
    session = process.session(peer.name)
    return session.state, session.since, session.counts.dropped


def flood(source: Namespace, packet: str, ttl: int) -> None:
    """Send the packet to the node again and again, as fast as a process can."""
    node = next(address for address in NODE.values() if isinstance(address, IPv4Address))
    done = source.run([sys.executable, "-c", FLOOD, str(node), str(ttl), str(PACKETS), packet])
    assert int(done.stdout) == PACKETS


@pytest.mark.parametrize(
    "flooding",
    [("gobgp", GARBAGE, 255), ("gobgp", DOWN, 255), ("frr", DOWN, 254)],
    ids=["garbage-of-a-stranger", "down-of-a-stranger", "down-over-a-hop"],
)
def test_packets_of_others_are_not_read(
    world: World, victims: dict[str, Peer], process: BfdProcess, flooding: tuple[str, str, int]
) -> None:
    """The kernel drops them: they do not even count."""
    source, packet, ttl = flooding
    before = {name: (at_router(peer), seen(process, peer)) for name, peer in victims.items()}
    flood(world.peers[f"{source}-ipv4"].router.namespace, packet, ttl)
    assert {name: (at_router(peer), seen(process, peer)) for name, peer in victims.items()} == before


@pytest.mark.parametrize("packet", [GARBAGE, DOWN], ids=["garbage", "down"])
def test_router_that_floods_moves_its_own_session_alone(
    world: World, victims: dict[str, Peer], process: BfdProcess, packet: str
) -> None:
    """Its packets are read at a bounded rate; the others' come through."""
    connections = world.connections(but=[victims["frr"], world.peers["frr-ipv6"]])
    before = at_router(victims["bird"]), seen(process, victims["bird"])
    flood(victims["frr"].router.namespace, packet, 255)
    assert process.session("frr-ipv4").counts.dropped > PACKETS // 100
    assert (at_router(victims["bird"]), seen(process, victims["bird"])) == before
    assert world.connections(but=[victims["frr"], world.peers["frr-ipv6"]]) == connections
    process.until_state(State.UP, *(peer.name for peer in victims.values()), seconds=60)
