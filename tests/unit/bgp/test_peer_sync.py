"""The steps by which one peer gets its table."""

from dataclasses import replace
from ipaddress import IPv6Address, ip_network

import pytest

from exalb_bgp.events import Negotiated, UpdateSent
from exalb_bgp.paths import resolve, update_size
from exalb_bgp.peer_state import CHUNK
from exalb_bgp.peer_sync import WINDOW, PeerSync
from exalb_bgp.rib import Attributes, Community, ExtendedCommunity, ExtendedKind, LargeCommunity, Rib
from exalb_bgp.session import Family, Session, State
from exalb_bgp.steps import Announce, EndOfRib, ResendAll, Withdraw
from tests.support.bgp.one_peer import (
    NODE,
    P1,
    P2,
    P3,
    SESSION,
    V6,
    A,
    B,
    adopted,
    announce,
    peer,
    shown,
    steps,
    up,
    withdrawn,
)


def test_table_is_announced_in_groups_and_ends_with_end_of_rib() -> None:
    peer_sync = peer({P1: A, P2: B, P3: A})
    assert steps(peer_sync) == [announce(A, P1, P3), announce(B, P2)]
    assert steps(peer_sync) == []
    peer_sync.confirm(shown(A, P1, P3))
    assert (peer_sync.sent, steps(peer_sync)) == (2, [])
    peer_sync.confirm(shown(B, P2))
    assert steps(peer_sync) == [EndOfRib(SESSION, Family.IPV4)]
    assert (steps(peer_sync), peer_sync.settled) == ([], False)
    peer_sync.complete(Family.IPV4)
    assert (steps(peer_sync), peer_sync.settled) == ([], True)


def test_empty_table_ends_with_end_of_rib() -> None:
    assert steps(peer({})) == [EndOfRib(SESSION, Family.IPV4)]


def test_change_waits_for_previous_change() -> None:
    peer_sync = peer({P1: A})
    steps(peer_sync)
    peer_sync.set_desired(SESSION, {P1: B})
    peer_sync.acknowledge([P1], done=True)
    assert steps(peer_sync) == [], "an answer does not mean that the UPDATE was written"
    peer_sync.confirm(shown(A, P1))
    assert steps(peer_sync) == [announce(B, P1)]


def test_older_path_that_is_sent_again_confirms_nothing() -> None:
    peer_sync = peer({P1: A})
    steps(peer_sync)
    peer_sync.confirm(shown(A, P1))
    steps(peer_sync)
    peer_sync.set_desired(SESSION, {P1: B})
    assert steps(peer_sync) == [announce(B, P1)]
    peer_sync.confirm(shown(A, P1))
    peer_sync.set_desired(SESSION, {})
    assert steps(peer_sync) == [], "the announcement of B is still in flight"


def test_withdrawals_precede_announcements_and_exceed_window() -> None:
    first = {ip_network(f"203.0.113.{number}/32"): A for number in range(100)}
    bulk = {ip_network((0x0A000000 + number, 32)): B for number in range(1000)}
    peer_sync = peer(first)
    for step in steps(peer_sync):
        assert isinstance(step, Announce)
        peer_sync.confirm(shown(A, *step.prefixes))
    peer_sync.set_desired(SESSION, first | bulk)
    assert sum(len(step.prefixes) for step in steps(peer_sync) if isinstance(step, Announce)) == WINDOW
    peer_sync.set_desired(SESSION, bulk)
    overtaking = steps(peer_sync)
    assert {type(step) for step in overtaking} == {Withdraw}
    assert all(len(step.prefixes) <= CHUNK for step in overtaking if isinstance(step, Withdraw))


def test_peer_that_is_down_gets_no_steps() -> None:
    peer_sync = peer({P1: A})
    peer_sync.close()
    peer_sync.set_desired(SESSION, {P2: B})
    assert steps(peer_sync) == []
    assert peer_sync.settled
    assert peer_sync.sent == 0


def test_acknowledged_announcement_is_not_repeated_after_flap() -> None:
    peer_sync = peer({P1: A})
    steps(peer_sync)
    peer_sync.acknowledge([P1], done=True)
    peer_sync.close()
    peer_sync.set_desired(SESSION, {P1: B})
    peer_sync.establish()
    assert steps(peer_sync) == [], "the engine holds A and will send it again"
    peer_sync.confirm(shown(A, P1))
    assert steps(peer_sync) == [announce(B, P1)]


def test_change_waits_until_engine_has_sent_route_again() -> None:
    peer_sync = peer({P1: A, P2: A})
    steps(peer_sync)
    peer_sync.confirm(shown(A, P1, P2))
    peer_sync.close()
    peer_sync.set_desired(SESSION, {P1: A, P3: A})
    peer_sync.establish()
    assert steps(peer_sync) == [announce(A, P3)], "the engine sends held routes itself"
    peer_sync.confirm(shown(A, P1, P2))
    assert steps(peer_sync) == [Withdraw(SESSION, (P2,))]
    peer_sync.confirm(shown(A, P3))
    assert steps(peer_sync) == []
    peer_sync.confirm(withdrawn(P2))
    assert steps(peer_sync) == [EndOfRib(SESSION, Family.IPV4)]


def test_unanswered_announcement_before_flap_is_changed_only_after_its_update() -> None:
    peer_sync = peer({P1: A})
    steps(peer_sync)
    peer_sync.close()
    peer_sync.set_desired(SESSION, {})
    peer_sync.establish()
    assert steps(peer_sync) == [], "the announcement may still come"
    peer_sync.confirm(shown(A, P1))
    assert steps(peer_sync) == [Withdraw(SESSION, (P1,))]


def test_announcement_acknowledged_while_down_is_sent_by_engine() -> None:
    peer_sync = peer({P1: A})
    steps(peer_sync)
    peer_sync.close()
    peer_sync.acknowledge([P1], done=True)
    peer_sync.establish()
    assert steps(peer_sync) == []
    peer_sync.confirm(shown(A, P1))
    assert steps(peer_sync) == [EndOfRib(SESSION, Family.IPV4)]


def test_lost_operation_is_repeated_once_and_then_refused() -> None:
    peer_sync = peer({P1: A})
    steps(peer_sync)
    peer_sync.acknowledge([P1], done=True)
    peer_sync.time_out()
    assert steps(peer_sync) == [ResendAll(SESSION), announce(A, P1)]
    peer_sync.time_out()
    assert not any(isinstance(step, Announce) for step in steps(peer_sync))
    peer_sync.set_desired(SESSION, {P1: B})
    assert steps(peer_sync) == [announce(B, P1)]


def test_lost_end_of_rib_is_sent_again() -> None:
    peer_sync = peer({})
    assert steps(peer_sync) == [EndOfRib(SESSION, Family.IPV4)]
    assert peer_sync.waiting
    peer_sync.time_out()
    assert steps(peer_sync) == [EndOfRib(SESSION, Family.IPV4)]
    peer_sync.complete(Family.IPV4)
    assert not peer_sync.waiting


def test_route_that_engine_does_not_send_again_is_announced_again() -> None:
    peer_sync = peer({P1: A})
    steps(peer_sync)
    peer_sync.confirm(shown(A, P1))
    peer_sync.close()
    peer_sync.establish()
    assert steps(peer_sync) == []
    peer_sync.time_out()
    assert steps(peer_sync) == [announce(A, P1)]


def test_refused_prefix_waits_for_other_attributes_and_blocks_nothing() -> None:
    peer_sync = peer({P1: A, P2: A})
    steps(peer_sync)
    peer_sync.acknowledge([P1, P2], done=False)
    assert steps(peer_sync) == [EndOfRib(SESSION, Family.IPV4)]
    assert peer_sync.sent == 0
    peer_sync.set_desired(SESSION, {P1: B, P2: A})
    assert steps(peer_sync) == [announce(B, P1)]


def test_adopted_settled_session_gets_no_steps() -> None:
    peer_sync = adopted({P1: A, P2: Attributes()}, {P1: A, P2: Attributes()}, SESSION.families)
    assert steps(peer_sync) == []
    assert (peer_sync.sent, peer_sync.settled) == (2, True)


def test_adopted_incomplete_session_gets_missing_routes_and_end_of_rib() -> None:
    peer_sync = adopted({P1: A}, {P2: A}, ())
    assert steps(peer_sync) == [Withdraw(SESSION, (P2,)), announce(A, P1)]
    peer_sync.confirm(withdrawn(P2))
    peer_sync.confirm(shown(A, P1))
    assert steps(peer_sync) == [EndOfRib(SESSION, Family.IPV4)]


def test_routes_held_for_a_session_that_is_down_wait_for_their_update() -> None:
    peer_sync = PeerSync(SESSION)
    peer_sync.set_desired(SESSION, {P1: B})
    down = replace(up(()), state=State.ACTIVE)
    peer_sync.adopt(down, {P1: resolve(A, NODE, SESSION)})
    assert (peer_sync.agrees(down), peer_sync.agrees(up(())), steps(peer_sync)) == (True, False, [])
    peer_sync.establish()
    assert steps(peer_sync) == [], "the engine will send A again"
    peer_sync.confirm(shown(A, P1))
    assert steps(peer_sync) == [announce(B, P1)]


@pytest.mark.parametrize(
    ("families", "attributes"),
    [
        ({Family.IPV4}, Attributes(next_hop=IPv6Address("2001:db8::1"))),
        ({Family.IPV4, Family.IPV6}, Attributes()),
        ({Family.IPV4, Family.IPV6}, Attributes(next_hop=NODE)),
    ],
    ids=["family not negotiated", "no IPv6 next hop", "IPv4 next hop"],
)
def test_prefix_that_session_cannot_carry_is_withheld(families: set[Family], attributes: Attributes) -> None:
    peer_sync = peer({V6: attributes}, families=families)
    assert {type(step) for step in steps(peer_sync)} == {EndOfRib}
    assert peer_sync.sent == 0


def test_families_do_not_share_a_command() -> None:
    hop = IPv6Address("2001:db8::1")
    both = Attributes(next_hop=hop)
    session = Session("tor", IPv6Address("2001:db8::2"), 64512, 64513, NODE, extended_next_hop=True)
    peer_sync = PeerSync(session)
    peer_sync.negotiate(Negotiated(session.peer_address, hop, session.families, extended_next_hop=True))
    peer_sync.set_desired(session, {P1: both, V6: both})
    peer_sync.establish()
    assert [step.prefixes for step in steps(peer_sync) if isinstance(step, Announce)] == [(P1,), (V6,)]


@pytest.mark.parametrize("rib", [{P1: A, V6: A}, {P1: B, V6: B}])
def test_removed_family_gets_no_more_announcements(rib: Rib) -> None:
    """The session loses it with a later reload; until then a router would accept unwanted routes."""
    both = frozenset(Family)
    full = replace(SESSION, families=both, extended_next_hop=True)
    peer_sync = PeerSync(full)
    peer_sync.negotiate(Negotiated(SESSION.peer_address, IPv6Address("2001:db8::11"), both, True))
    peer_sync.establish()
    peer_sync.set_desired(SESSION, rib)
    assert [step.prefixes for step in steps(peer_sync) if isinstance(step, Announce)] == [(P1,)]


def test_routes_of_removed_family_are_withdrawn() -> None:
    both = frozenset(Family)
    full, hop = replace(SESSION, families=both), IPv6Address("2001:db8::11")
    peer_sync = PeerSync(full)
    attributes = Attributes(med=1, next_hop=hop)
    peer_sync.set_desired(full, {V6: attributes})
    peer_sync.adopt(up(both, both), {V6: resolve(attributes, hop, full)})
    assert steps(peer_sync) == []
    peer_sync.set_desired(SESSION, {V6: attributes})
    assert steps(peer_sync) == [Withdraw(SESSION, (V6,))]
    peer_sync.confirm(withdrawn(V6))
    peer_sync.set_desired(full, {V6: attributes})
    assert [step.prefixes for step in steps(peer_sync) if isinstance(step, Announce)] == [(V6,)]


def test_operation_in_removed_family_ends_with_its_update() -> None:
    both, hop = frozenset(Family), IPv6Address("2001:db8::11")
    full, attributes = replace(SESSION, families=both), Attributes(next_hop=hop)
    peer_sync = peer({V6: attributes}, full, both)
    steps(peer_sync)
    peer_sync.set_desired(SESSION, {V6: attributes})
    peer_sync.confirm(UpdateSent(SESSION.peer_address, ((resolve(attributes, hop, full), (V6,)),)))
    assert (peer_sync.waiting, steps(peer_sync)[0]) == (False, Withdraw(SESSION, (V6,)))


def test_unsent_step_is_decided_again() -> None:
    peer_sync = peer({P1: A})
    [lost] = steps(peer_sync)
    peer_sync.mark_unsent(lost)
    assert steps(peer_sync) == [lost]
    peer_sync.set_desired(SESSION, {P2: A})
    peer_sync.mark_unsent(lost)
    assert steps(peer_sync) == [announce(A, P2)]
    peer_sync.confirm(shown(A, P2))
    [end] = steps(peer_sync)
    peer_sync.mark_unsent(end)
    assert steps(peer_sync) == [end]
    peer_sync.set_desired(SESSION, {})
    [gone] = steps(peer_sync)
    peer_sync.mark_unsent(gone)
    assert steps(peer_sync) == [gone]
    again = ResendAll(SESSION)
    peer_sync.mark_unsent(again)
    assert steps(peer_sync) == [again]


def test_too_large_route_is_withdrawn_and_announced_when_it_fits_again() -> None:
    large = Attributes(communities=tuple(Community(64512, number) for number in range(1024)))
    peer_sync = peer({P1: A, P2: A})
    steps(peer_sync)
    peer_sync.confirm(shown(A, P1, P2))
    peer_sync.set_desired(SESSION, {P1: large, P2: A})
    assert (steps(peer_sync), peer_sync.current.difference.too_large, peer_sync.sent) == (
        [Withdraw(SESSION, (P1,))],
        {P1},
        1,
    )
    peer_sync.confirm(withdrawn(P1))
    assert steps(peer_sync) == [EndOfRib(SESSION, Family.IPV4)]
    peer_sync.set_desired(SESSION, {P1: B, P2: A})
    assert (steps(peer_sync), peer_sync.current.difference.too_large) == ([announce(B, P1)], set())
    peer_sync.set_desired(SESSION, {P1: large, P2: A})
    peer_sync.set_desired(SESSION, {P2: A})
    assert peer_sync.current.difference.too_large == set()


@pytest.mark.parametrize(
    ("attributes", "octets"),
    [
        (Attributes(), 132),
        (Attributes(as_path_prepend=255), 132 + 255 * 6 + 4),
        (Attributes(communities=(Community(1, 1),)), 132 + 4),
        (Attributes(large_communities=(LargeCommunity(1, 1, 1),)), 132 + 12),
        (Attributes(extended_communities=(ExtendedCommunity(ExtendedKind.ROUTE_TARGET, 1, 1),)), 132 + 8),
    ],
)
def test_update_size_is_that_of_worst_case(attributes: Attributes, octets: int) -> None:
    assert update_size(attributes) == octets
