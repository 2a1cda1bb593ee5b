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
from tests.support.note import Note
from tests.support.routers.world import NODE, Peer, World, table


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


@pytest.fixture(params=[300, 100], ids=lambda interval: f"{interval}-ms")
def interval(request: pytest.FixtureRequest) -> int:
    """Return the interval of both ends in milliseconds: the default, and the shortest one."""
    return int(request.param)


@pytest.fixture
def up(world: World, peers: list[Peer], process: BfdProcess, interval: int) -> BfdProcess:
    """Return the process with a session to each of these routers, Up at both ends, and BGP Established."""
    for peer in peers:
        world.change(peer, {}, {"bfd": interval})
    process.apply({})
    world.act()
    world.until_established(*peers)
    process.apply(goal(peers, interval))
    process.until_state(State.UP, *(peer.name for peer in peers))
    for peer in peers:
        until(f"{peer.name} is Up at the router", partial(is_up, peer))
        until(f"the times of {peer.name} are agreed", partial(is_agreed, process, peer, interval))
    world.until_established(*peers)
    return process


def goal(peers: list[Peer], interval: int) -> dict[str, BfdPeer]:
    return {peer.name: BfdPeer(peer.address, interval, interval, 3, NODE[peer.family]) for peer in peers}


def is_agreed(process: BfdProcess, peer: Peer, interval: int) -> bool:
    """Whether each end takes the other for dead after three intervals."""
    session = process.session(peer.name)
    found = session.detection_time, session.remote_detection_time
    assert found == pytest.approx((3 * interval / 1000,) * 2), session
    return True


def at_router(peer: Peer) -> BfdPeering:
    sessions = peer.router.bfd_sessions()
    assert NODE[peer.family] in sessions, sessions
    return sessions[NODE[peer.family]]


def is_up(peer: Peer) -> bool:
    return at_router(peer).up


def test_killed_process_is_not_noticed(world: World, peers: list[Peer], up: BfdProcess) -> None:
    up.stop()
    up.start()  # a supervisor that has counted no kill yet: after the fourth within seconds it waits
    up.until_state(State.UP, *(peer.name for peer in peers))
    connections = world.connections()
    before = {peer.name: at_router(peer) for peer in peers}
    for _ in range(3):
        up.kill_worker()
        up.until_state(State.UP, *before)
    assert {peer.name: at_router(peer) for peer in peers} == before
    assert world.connections() == connections


def test_next_process_continues_sessions(world: World, peers: list[Peer], up: BfdProcess) -> None:
    """The routers wait for it: away for longer than the detection time, which is 0.9 s at most."""
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


def test_sessions_with_and_without_an_interface_share_an_address(
    peers: list[Peer], up: BfdProcess, interval: int
) -> None:
    """Whichever is opened first."""
    for bound in peers:
        at_eth0 = {name: replace(peer, interface="eth0") for name, peer in goal([bound], interval).items()}
        up.apply(at_eth0 | goal(others(bound, peers), interval))
        up.until_state(State.UP, *(peer.name for peer in peers))
    for peer in peers:
        until(f"{peer.name} is Up at the router", partial(is_up, peer))
    up.apply(goal(peers, interval))
    up.until_state(State.UP, *(peer.name for peer in peers))


def test_sessions_with_one_router_have_times_of_their_own(peers: list[Peer], up: BfdProcess, interval: int) -> None:
    """Other times over IPv6: the router confirms them while the session stays Up, and those over IPv4 do not change."""
    before = {peer.name: at_router(peer) for peer in peers}
    slower = [peer for peer in peers if peer.address.version == 6]
    up.apply(goal(peers, interval) | goal(slower, 2 * interval))
    for peer in slower:
        until(f"{peer.name} has the longer times", partial(waits_longer, up, peer, interval))
    for peer in peers:
        if peer not in slower:
            assert is_agreed(up, peer, interval)
    assert {peer.name: at_router(peer) for peer in peers} == before


def waits_longer(process: BfdProcess, peer: Peer, interval: int) -> bool:
    """Whether both ends have the interval of the one that is slower, which is this node."""
    session = process.session(peer.name)
    found = session.detection_time, session.remote_detection_time
    assert found == pytest.approx((6 * interval / 1000,) * 2), session
    return True


def others(one: Peer, peers: list[Peer]) -> list[Peer]:
    return [peer for peer in peers if peer is not one]


def test_silent_link_ends_sessions_at_both_ends(
    world: World, peers: list[Peer], up: BfdProcess, interval: int, note: Note
) -> None:
    """The hold time is 90 s: only BFD can end a session so early."""
    world.announce(table(4), *world.peers.values())
    world.until_announced(*peers)
    began = time.monotonic()
    world.fabric.ip("link set node nomaster")  # no packet passes, and no end loses its carrier
    try:
        for peer in peers:
            until(f"{peer.name} lost its routes", partial(has_no_route, world, peer), every=0.02)
        note(f"seconds until the last router left the node, 3 x {interval} ms", round(time.monotonic() - began, 2))
        up.until_state(State.DOWN, *(peer.name for peer in peers))
    finally:
        world.fabric.ip("link set node master br0")
    up.until_state(State.UP, *(peer.name for peer in peers))
    world.until_announced(*peers, seconds=60)


def test_disabled_session_is_administratively_down(peers: list[Peer], up: BfdProcess, interval: int) -> None:
    up.apply({name: replace(peer, disabled=True) for name, peer in goal(peers, interval).items()})
    up.until_state(State.ADMIN_DOWN, *(peer.name for peer in peers))
    for peer in peers:
        until(f"{peer.name} is Down at the router", partial(is_down, peer))
    up.apply(goal(peers, interval))
    up.until_state(State.UP, *(peer.name for peer in peers))


def is_down(peer: Peer) -> bool:
    return not is_up(peer)


def has_passed(moment: float) -> bool:
    return time.monotonic() > moment


def has_no_route(world: World, peer: Peer) -> bool:
    return all(world.node_address(peer) not in senders for senders in peer.router.prefixes().values())
