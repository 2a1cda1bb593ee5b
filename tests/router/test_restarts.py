"""After any process is killed, routes stay while they may, and the router ends with the wanted table."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import pytest

from exalb_bgp.rib import Attributes
from exalb_bgp.session import Family
from tests.lab.routers.bird import Bird
from tests.lab.routers.frr import Frr
from tests.lab.wait import until
from tests.support.bgp.messages import Kind, Message
from tests.support.bgp.sniffer import Wire
from tests.support.kernel import KernelRoutes
from tests.support.routers.world import NODE, Peer, World, table

SIZE = 60


@pytest.fixture
def announced(world: World) -> World:
    """Announce a table to every router."""
    world.announce(table(SIZE), *world.peers.values())
    world.until_announced(*world.peers.values())
    world.engine.settle()
    return world


@pytest.fixture
def wires(announced: World) -> Iterator[list[Wire]]:
    """Watch the messages from the node to each router, after all routes were announced."""
    with ExitStack() as stack:
        yield [stack.enter_context(Wire(router.namespace)) for router in announced.routers]


def updates(wires: list[Wire]) -> list[Message]:
    """List the UPDATEs that the node sent."""
    return [message for wire in wires for message in wire.updates() if message.source in NODE.values()]


def quiet(wires: list[Wire]) -> bool:
    """Whether a KEEPALIVE of each session passed since the last change: proof that UPDATEs would have been seen."""
    return all(
        any(m.kind is Kind.KEEPALIVE and m.source == address for m in wire.messages)
        for wire in wires
        for address in NODE.values()
    )


def all_stale(world: World, peer: Peer) -> bool:
    """Whether the router keeps every route of a session as stale."""
    return all(route.stale for route in world.received(peer).values())


def test_new_driver_changes_nothing(announced: World, wires: list[Wire]) -> None:
    before = announced.connections()
    announced.engine.kill_driver()
    announced.engine.start_driver()
    announced.act()
    status = announced.engine.settle()
    assert {session.sent for session in status.sessions.values()} == {SIZE}
    assert updates(wires) == []
    assert announced.connections() == before
    announced.until_announced(*announced.peers.values())


def test_new_driver_resumes_sessions_with_address_of_kernel(world: World) -> None:
    """A second session causes a reload. After it, ExaBGP no longer reports the local address of the first session."""
    first, *others = [peer for peer in world.peers.values() if peer.family is Family.IPV4]
    world.sessions = {first.name: replace(first.session, local_address=None)}
    world.act()
    world.until_established(first)
    world.announce(table(SIZE), first)
    world.sessions |= {peer.name: replace(peer.session, local_address=None) for peer in others}
    world.act()
    world.until_established(*others)
    world.until_announced(first)
    world.engine.kill_driver()
    world.engine.start_driver()
    world.announce(table(SIZE + 2), first)
    world.until_announced(first)


def test_unreachable_peer_delays_no_other_session(world: World) -> None:
    """A new driver cannot read the routes of a session whose address the kernel chose: it opens the session again."""
    lost, *others = [peer for peer in world.peers.values() if peer.family is Family.IPV4]
    for peers in ([lost], [lost, *others]):
        world.sessions = {peer.name: replace(peer.session, local_address=None) for peer in peers}
        world.act()
        world.until_established(*peers)
    world.announce(table(SIZE), lost, *others)
    world.until_announced(lost, *others)
    world.engine.kill_driver()
    world.node.ip(f"route add unreachable {lost.address}/32")
    try:
        world.engine.start_driver()
        world.announce(table(SIZE + 2), lost, *others)
        world.until_announced(*others)
    finally:
        world.node.ip(f"route del unreachable {lost.address}/32")
    world.until_announced(lost, seconds=60)


def test_new_driver_sends_only_changes(announced: World, wires: list[Wire]) -> None:
    announced.engine.kill_driver()
    kept = {p: a for n, (p, a) in enumerate(table(SIZE + 2).items()) if n != 3}
    announced.engine.start_driver()
    announced.announce(kept, *announced.peers.values())
    announced.until_announced(*announced.peers.values())
    changed = kept.keys() ^ table(SIZE).keys()
    assert {prefix for m in updates(wires) for prefix in m.announced | m.withdrawn} == changed


def test_killed_relay_affects_no_session(announced: World, wires: list[Wire]) -> None:
    before = announced.connections()
    announced.engine.kill_relay()
    announced.announce(table(SIZE + 2), *announced.peers.values())
    announced.until_announced(*announced.peers.values())
    assert {prefix for m in updates(wires) for prefix in m.announced} == table(SIZE + 2).keys() - table(SIZE).keys()
    assert announced.connections() == before


def test_killed_exabgp_keeps_routes(announced: World, wires: list[Wire]) -> None:
    """Graceful restart (RFC 4724): routes stay as stale, End-of-RIB follows the whole table and ends removed routes."""
    frr = next(router for router in announced.routers if isinstance(router, Frr))
    kept = dict(list(table(SIZE).items())[2:])
    with KernelRoutes(frr.namespace) as kernel:
        announced.engine.kill_driver()  # so that no route is announced before the stale routes were seen
        announced.engine.kill_exabgp()
        for peer in announced.peers.values():
            until(f"{peer.name} marks its routes", partial(all_stale, announced, peer))
            assert announced.received(peer).keys() == table(SIZE).keys()
        announced.engine.start_driver()
        announced.announce(kept, *announced.peers.values())
        announced.until_announced(*announced.peers.values())
        assert {c.prefix for c in kernel.changes if not c.gateways} == table(SIZE).keys() - kept.keys()
    for wire in wires:
        for address in NODE.values():
            assert_complete_before_end_of_rib([m for m in wire.messages if m.source == address], kept.keys())


def assert_complete_before_end_of_rib(messages: list[Message], table: object) -> None:
    """Each family's End-of-RIB came once after the last OPEN, and after every prefix of the table."""
    opened = max(n for n, message in enumerate(messages) if message.kind is Kind.OPEN)
    since = messages[opened:]
    assert sorted(m.end_of_rib.value for m in since if m.end_of_rib) == [family.value for family in Family]
    first_end = next(n for n, message in enumerate(since) if message.end_of_rib)
    assert {prefix for m in since[:first_end] for prefix in m.announced} == table


def test_cleared_session_receives_all_routes_again(announced: World, pair: list[Peer]) -> None:
    others = announced.connections(but=pair)
    before = announced.connections()
    pair[0].router.reset()
    until(
        "both sessions are Established again",
        lambda: all(announced.connections()[p.name] > before[p.name] for p in pair),
        seconds=40,
    )
    announced.until_announced(*announced.peers.values())
    assert announced.connections(but=pair) == others


def test_changes_during_flap_end_in_wanted_table(announced: World, pair: list[Peer]) -> None:
    before = announced.connections()
    pair[0].router.reset()
    announced.announce({p: a for n, (p, a) in enumerate(table(SIZE + 20).items()) if n % 4}, *pair)
    announced.announce({p: a for n, (p, a) in enumerate(table(SIZE + 10).items()) if n % 3}, *pair)
    until(
        "both sessions are Established again",
        lambda: all(announced.connections()[p.name] > before[p.name] for p in pair),
        seconds=40,
    )
    announced.until_announced(*announced.peers.values())


@pytest.mark.parametrize("maker", [Frr, Bird])
def test_route_refresh_is_answered(announced: World, wires: list[Wire], maker: type[Frr | Bird]) -> None:
    """RFC 2918; GoBGP never asks for it."""
    before = announced.connections()
    router = next(router for router in announced.routers if isinstance(router, maker))
    for address in NODE.values():
        router.refresh(address)
    wire = wires[announced.routers.index(router)]
    for prefix in table(SIZE):
        wire.announced(prefix, by=NODE.values())
    announced.until_announced(*announced.peers.values())
    assert announced.connections() == before


def test_restarted_router_receives_all_routes(announced: World, pair: list[Peer]) -> None:
    others = announced.connections(but=pair)
    pair[0].router.start(*(announced.neighbors[peer.name] for peer in pair))
    announced.until_announced(*announced.peers.values(), seconds=40)
    assert announced.connections(but=pair) == others


def test_pulled_cable_affects_no_other_session(announced: World, pair: list[Peer]) -> None:
    """Changes while a router is unreachable arrive when it is reachable again, with new sessions or the old ones."""
    others = announced.connections(but=pair)
    announced.fabric.link(pair[0].router.kind, up=False)
    announced.announce({p: replace(a, med=9) for p, a in table(SIZE // 2).items()}, *announced.peers.values())
    announced.until_announced(*(peer for peer in announced.peers.values() if peer not in pair))
    announced.fabric.link(pair[0].router.kind, up=True)
    announced.until_announced(*pair, seconds=60)
    assert announced.connections(but=pair) == others


def test_full_volume_stops_no_route(announced: World, trio: list[Peer]) -> None:
    """A session is removed only when there is room on the volume; nothing else waits for that."""
    gone, *others = trio
    volume, before = announced.engine.volume, announced.connections(but=trio)
    assert volume
    volume.fill()
    del announced.sessions[gone.name]
    announced.announce(table(SIZE + 2), *others)
    announced.until_announced(*others)
    announced.engine.kill_driver()
    announced.engine.start_driver()
    announced.announce(table(SIZE + 4), *others)
    announced.until_announced(*others)
    assert announced.established(gone)
    volume.free()
    until(f"{gone.name} is closed", lambda: not announced.established(gone))
    announced.until_announced(*others)
    assert announced.connections(but=trio) == before


def test_read_only_volume_stops_no_route(announced: World, trio: list[Peer]) -> None:
    """A session is removed only when the volume can be written again; nothing else waits for that."""
    gone, *others = trio
    volume, before = announced.engine.volume, announced.connections(but=trio)
    assert volume
    volume.protect()
    try:
        del announced.sessions[gone.name]
        announced.announce(table(SIZE + 2), *others)
        announced.until_announced(*others)
        assert announced.established(gone)
    finally:
        volume.release()
    until(f"{gone.name} is closed", lambda: not announced.established(gone))
    announced.until_announced(*others)
    assert announced.connections(but=trio) == before


def test_removed_session_leaves_no_route(announced: World, pair: list[Peer]) -> None:
    """Where graceful restart was agreed, the router would keep the routes for the restart time, which is 30 s here."""
    announced.announce(table(20 * SIZE), *pair)
    announced.until_announced(*pair)
    for peer in pair:
        del announced.sessions[peer.name]
    announced.act_on_engine()
    for peer in pair:
        until(f"{peer.name} left nothing", partial(left_nothing, announced, peer), seconds=15)
    announced.until_announced(*(peer for peer in announced.peers.values() if peer not in pair))


def left_nothing(world: World, peer: Peer) -> bool:
    """Whether the router holds no route of a session any more."""
    return not world.received(peer)


def test_session_opens_during_burst(announced: World, trio: list[Peer]) -> None:
    """By itself, ExaBGP drops a reload while it has anything to send to anybody."""
    late, *others = trio
    del announced.sessions[late.name]
    announced.act_on_engine()
    until(f"{late.name} is closed", lambda: not announced.established(late))
    before, meds = announced.connections(but=[late]), itertools.count(1)
    announced.sessions[late.name] = late.session

    def came_meanwhile() -> bool:
        announced.announce(table(SIZE, Attributes(med=next(meds))), *others)
        return announced.established(late)

    until(f"{late.name} is Established", came_meanwhile, every=0.01)
    announced.until_announced(*announced.peers.values())
    assert announced.connections(but=[late]) == before
