"""BFD with FRR and BIRD over IPv4 and IPv6: sessions come up, notice a silent link, and live through restarts."""

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from exalb_bfd.packet import State
from exalb_bfd.peers import Peer as BfdPeer
from tests.lab.routers.router import BfdPeering
from tests.lab.wait import until
from tests.support.engine.bfd import BfdProcess
from tests.support.routers.world import NODE, Peer, World, table

INTERVAL = 300
"""Milliseconds."""


@pytest.fixture(scope="module")
def process(built: World) -> Iterator[BfdProcess]:
    made = BfdProcess(built.node)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def peers(world: World) -> list[Peer]:
    """Return the sessions with routers that have BFD."""
    return [peer for peer in world.peers.values() if peer.router.kind in ("frr", "bird")]


@pytest.fixture
def up(world: World, peers: list[Peer], process: BfdProcess) -> BfdProcess:
    """Return the process with a session to each of these routers, Up at both ends, and BGP Established."""
    for peer in peers:
        world.change(peer, {}, {"bfd": INTERVAL})
    process.apply({})
    world.act()
    world.until_established(*peers)
    process.apply(goal(peers))
    process.until_state(State.UP, *(peer.name for peer in peers))
    for peer in peers:
        until(f"{peer.name} is Up at the router", partial(is_up, peer))
    world.until_established(*peers)
    return process


def goal(peers: list[Peer]) -> dict[str, BfdPeer]:
    return {peer.name: BfdPeer(peer.address, INTERVAL, INTERVAL, 3, NODE[peer.family]) for peer in peers}


def at_router(peer: Peer) -> BfdPeering:
    sessions = peer.router.bfd_sessions()
    assert NODE[peer.family] in sessions, sessions
    return sessions[NODE[peer.family]]


def is_up(peer: Peer) -> bool:
    return at_router(peer).up


def test_killed_process_is_not_noticed(world: World, peers: list[Peer], up: BfdProcess) -> None:
    connections = world.connections()
    before = {peer.name: at_router(peer) for peer in peers}
    for _ in range(3):
        up.kill_worker()
        up.until_state(State.UP, *before)
    assert {peer.name: at_router(peer) for peer in peers} == before
    assert world.connections() == connections


def test_next_process_continues_sessions(world: World, peers: list[Peer], up: BfdProcess) -> None:
    """The routers wait for it: away for longer than the detection time, which is 0.9 s."""
    connections = world.connections()
    before = {peer.name: at_router(peer) for peer in peers}
    up.stop()
    until("the detection time is over", partial(has_passed, time.monotonic() + 3))
    up.start()
    up.until_state(State.UP, *before)
    assert {peer.name: at_router(peer) for peer in peers} == before
    assert world.connections() == connections


def test_ending_process_says_nothing_about_the_end_of_its_sessions(up: BfdProcess) -> None:
    """The speaker would close the BGP sessions."""
    with up.listening() as said:
        up.stop()
    up.start()
    states = {session.state for line in said for session in line.values()}
    assert states == {State.UP}


def test_sessions_with_and_without_an_interface_share_an_address(peers: list[Peer], up: BfdProcess) -> None:
    """Whichever is opened first."""
    for bound in peers:
        up.apply(
            {name: replace(peer, interface="eth0") for name, peer in goal([bound]).items()} | goal(others(bound, peers))
        )
        up.until_state(State.UP, *(peer.name for peer in peers))
    for peer in peers:
        until(f"{peer.name} is Up at the router", partial(is_up, peer))
    up.apply(goal(peers))
    up.until_state(State.UP, *(peer.name for peer in peers))


def others(one: Peer, peers: list[Peer]) -> list[Peer]:
    return [peer for peer in peers if peer is not one]


def test_silent_link_ends_sessions_at_both_ends(world: World, peers: list[Peer], up: BfdProcess) -> None:
    """The hold time is 90 s: only BFD can end a session so early."""
    world.announce(table(4), *world.peers.values())
    world.until_announced(*peers)
    began = time.monotonic()
    world.fabric.ip("link set node nomaster")  # no packet passes, and no end loses its carrier
    try:
        for peer in peers:
            until(f"{peer.name} lost its routes", partial(has_no_route, world, peer), every=0.02)
        print(f"routers left the node after {time.monotonic() - began:.2f} s")
        up.until_state(State.DOWN, *(peer.name for peer in peers))
    finally:
        world.fabric.ip("link set node master br0")
    up.until_state(State.UP, *(peer.name for peer in peers))
    world.until_announced(*peers, seconds=60)


def test_disabled_session_is_administratively_down(peers: list[Peer], up: BfdProcess) -> None:
    up.apply({name: replace(peer, disabled=True) for name, peer in goal(peers).items()})
    up.until_state(State.ADMIN_DOWN, *(peer.name for peer in peers))
    for peer in peers:
        until(f"{peer.name} is Down at the router", partial(is_down, peer))
    up.apply(goal(peers))
    up.until_state(State.UP, *(peer.name for peer in peers))


def is_down(peer: Peer) -> bool:
    return not is_up(peer)


def has_passed(moment: float) -> bool:
    return time.monotonic() > moment


def has_no_route(world: World, peer: Peer) -> bool:
    return all(world.node_address(peer) not in senders for senders in peer.router.prefixes().values())
