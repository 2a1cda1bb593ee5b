"""Whatever is killed, traffic stays where it may stay, and the end is the table that is wanted."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import pytest

from exalb_bgp.rib import Attributes
from exalb_bgp.session import Family
from tests.bench.kernel import KernelRoutes
from tests.bench.messages import Kind, Message
from tests.bench.wire import Wire
from tests.lab.routers.bird import Bird
from tests.lab.routers.frr import Frr
from tests.lab.wait import until
from tests.router.world import NODE, Peer, World, table

SIZE = 60


@pytest.fixture
def told(world: World) -> World:
    """Every router holds a table."""
    world.tell(table(SIZE), *world.peers.values())
    world.until_told(*world.peers.values())
    world.engine.settle()
    return world


@pytest.fixture
def wires(told: World) -> Iterator[list[Wire]]:
    """Watch what the node tells each router, from the moment on when all were told."""
    with ExitStack() as stack:
        yield [stack.enter_context(Wire(router.namespace)) for router in told.routers]


def updates(wires: list[Wire]) -> list[Message]:
    """List the UPDATEs that came from the node."""
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


def test_a_new_driver_finds_nothing_to_do(told: World, wires: list[Wire]) -> None:
    before = told.connections()
    told.engine.kill_driver()
    told.engine.start_driver()
    told.act()
    status = told.engine.settle()
    assert {session.sent for session in status.sessions.values()} == {SIZE}
    assert updates(wires) == []
    assert told.connections() == before
    told.until_told(*told.peers.values())


def test_a_new_driver_takes_up_sessions_whose_address_the_kernel_chose(world: World) -> None:
    """After a reload, which a second session brings, ExaBGP does not tell the first one's own address any more."""
    first, *others = [peer for peer in world.peers.values() if peer.family is Family.IPV4]
    world.sessions = {first.name: replace(first.session, local_address=None)}
    world.act()
    world.until_established(first)
    world.tell(table(SIZE), first)
    world.sessions |= {peer.name: replace(peer.session, local_address=None) for peer in others}
    world.act()
    world.until_established(*others)
    world.until_told(first)
    world.engine.kill_driver()
    world.engine.start_driver()
    world.tell(table(SIZE + 2), first)
    world.until_told(first)


def test_a_peer_without_a_route_holds_up_nobody(world: World) -> None:
    """A new driver cannot tell what such a session carries where the kernel chose its address: it opens it anew."""
    lost, *others = [peer for peer in world.peers.values() if peer.family is Family.IPV4]
    for peers in ([lost], [lost, *others]):
        world.sessions = {peer.name: replace(peer.session, local_address=None) for peer in peers}
        world.act()
        world.until_established(*peers)
    world.tell(table(SIZE), lost, *others)
    world.until_told(lost, *others)
    world.engine.kill_driver()
    world.node.ip(f"route add unreachable {lost.address}/32")
    try:
        world.engine.start_driver()
        world.tell(table(SIZE + 2), lost, *others)
        world.until_told(*others)
    finally:
        world.node.ip(f"route del unreachable {lost.address}/32")
    world.until_told(lost, seconds=60)


def test_a_new_driver_sends_only_what_changed_meanwhile(told: World, wires: list[Wire]) -> None:
    told.engine.kill_driver()
    kept = {p: a for n, (p, a) in enumerate(table(SIZE + 2).items()) if n != 3}
    told.engine.start_driver()
    told.tell(kept, *told.peers.values())
    told.until_told(*told.peers.values())
    changed = kept.keys() ^ table(SIZE).keys()
    assert {prefix for m in updates(wires) for prefix in m.announced | m.withdrawn} == changed


def test_a_killed_relay_is_not_noticed(told: World, wires: list[Wire]) -> None:
    before = told.connections()
    told.engine.kill_relay()
    told.tell(table(SIZE + 2), *told.peers.values())
    told.until_told(*told.peers.values())
    assert {prefix for m in updates(wires) for prefix in m.announced} == table(SIZE + 2).keys() - table(SIZE).keys()
    assert told.connections() == before


def test_a_killed_exabgp_keeps_the_routes(told: World, wires: list[Wire]) -> None:
    """Graceful restart (RFC 4724): routes stay as stale, End-of-RIB follows the whole table, what is gone goes then."""
    frr = next(router for router in told.routers if isinstance(router, Frr))
    kept = dict(list(table(SIZE).items())[2:])
    with KernelRoutes(frr.namespace) as kernel:
        told.engine.kill_driver()  # so that nothing is told before the stale routes were seen
        told.engine.kill_exabgp()
        for peer in told.peers.values():
            until(f"{peer.name} marks its routes", partial(all_stale, told, peer))
            assert told.received(peer).keys() == table(SIZE).keys()
        told.engine.start_driver()
        told.tell(kept, *told.peers.values())
        told.until_told(*told.peers.values())
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


def test_a_cleared_session_is_told_all_again(told: World, pair: list[Peer]) -> None:
    others = told.connections(but=pair)
    before = told.connections()
    pair[0].router.reset()
    until(
        "both sessions came again", lambda: all(told.connections()[p.name] > before[p.name] for p in pair), seconds=40
    )
    told.until_told(*told.peers.values())
    assert told.connections(but=pair) == others


def test_changes_during_a_flap_end_in_the_right_table(told: World, pair: list[Peer]) -> None:
    before = told.connections()
    pair[0].router.reset()
    told.tell({p: a for n, (p, a) in enumerate(table(SIZE + 20).items()) if n % 4}, *pair)
    told.tell({p: a for n, (p, a) in enumerate(table(SIZE + 10).items()) if n % 3}, *pair)
    until(
        "both sessions came again", lambda: all(told.connections()[p.name] > before[p.name] for p in pair), seconds=40
    )
    told.until_told(*told.peers.values())


@pytest.mark.parametrize("maker", [Frr, Bird])
def test_a_route_refresh_is_answered(told: World, wires: list[Wire], maker: type[Frr | Bird]) -> None:
    """RFC 2918; GoBGP never asks for it."""
    before = told.connections()
    router = next(router for router in told.routers if isinstance(router, maker))
    for address in NODE.values():
        router.refresh(address)
    wire = wires[told.routers.index(router)]
    for prefix in table(SIZE):
        wire.announced(prefix, by=NODE.values())
    told.until_told(*told.peers.values())
    assert told.connections() == before


def test_a_router_that_comes_back_is_told_all(told: World, pair: list[Peer]) -> None:
    others = told.connections(but=pair)
    pair[0].router.start(*(told.neighbors[peer.name] for peer in pair))
    told.until_told(*told.peers.values(), seconds=40)
    assert told.connections(but=pair) == others


def test_a_pulled_cable_costs_no_other_session(told: World, pair: list[Peer]) -> None:
    """Changes while a router is out of reach arrive when it is back, whether its sessions outlived that or not."""
    others = told.connections(but=pair)
    told.fabric.link(pair[0].router.kind, up=False)
    told.tell({p: replace(a, med=9) for p, a in table(SIZE // 2).items()}, *told.peers.values())
    told.until_told(*(peer for peer in told.peers.values() if peer not in pair))
    told.fabric.link(pair[0].router.kind, up=True)
    told.until_told(*pair, seconds=60)
    assert told.connections(but=pair) == others


def test_without_room_for_a_configuration_routes_go_their_way(told: World, trio: list[Peer]) -> None:
    """A session that goes waits until there is room on the volume; nothing else waits for it."""
    gone, *others = trio
    volume, before = told.engine.volume, told.connections(but=trio)
    assert volume
    volume.fill()
    del told.sessions[gone.name]
    told.tell(table(SIZE + 2), *others)
    told.until_told(*others)
    told.engine.kill_driver()
    told.engine.start_driver()
    told.tell(table(SIZE + 4), *others)
    told.until_told(*others)
    assert told.established(gone)
    volume.free()
    until(f"{gone.name} is closed", lambda: not told.established(gone))
    told.until_told(*others)
    assert told.connections(but=trio) == before


def test_a_session_that_goes_leaves_nothing_behind(told: World, pair: list[Peer]) -> None:
    """Where graceful restart was agreed, the router would keep the routes for the restart time, which is 30 s here."""
    told.tell(table(20 * SIZE), *pair)
    told.until_told(*pair)
    for peer in pair:
        del told.sessions[peer.name]
    told.act_on_engine()
    for peer in pair:
        until(f"{peer.name} left nothing", partial(left_nothing, told, peer), seconds=15)
    told.until_told(*(peer for peer in told.peers.values() if peer not in pair))


def left_nothing(world: World, peer: Peer) -> bool:
    """Whether the router holds no route of a session any more."""
    return not world.received(peer)


def test_a_session_comes_in_the_middle_of_a_burst(told: World, trio: list[Peer]) -> None:
    """By itself, ExaBGP drops a reload while it has anything to send to anybody."""
    late, *others = trio
    del told.sessions[late.name]
    told.act_on_engine()
    until(f"{late.name} is closed", lambda: not told.established(late))
    before, meds = told.connections(but=[late]), itertools.count(1)
    told.sessions[late.name] = late.session

    def came_meanwhile() -> bool:
        told.tell(table(SIZE, Attributes(med=next(meds))), *others)
        return told.established(late)

    until(f"{late.name} is Established", came_meanwhile, every=0.01)
    told.until_told(*told.peers.values())
    assert told.connections(but=[late]) == before
