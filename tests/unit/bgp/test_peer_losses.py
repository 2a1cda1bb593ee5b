"""One peer whose UPDATEs come late, twice or never, and whose engine answers out of turn."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from exalb_bgp.events import Snapshot
from exalb_bgp.peer_sync import PeerSync
from exalb_bgp.rib import Address
from exalb_bgp.session import Family, Session, State
from exalb_bgp.steps import EndOfRib, ResendAll, Withdraw
from tests.support.bgp.one_peer import (
    A6,
    B6,
    BOTH,
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
    negotiated,
    peer,
    shown,
    steps,
    up,
    withdrawn,
)

END = EndOfRib(SESSION, Family.IPV4)


def test_route_whose_update_came_after_all_was_lost_once() -> None:
    """A later loss of it is the first one again: it is announced once more."""
    peer_sync = peer({P1: A})
    steps(peer_sync)
    peer_sync.time_out()
    peer_sync.confirm(shown(A, P1))
    peer_sync.set_desired(SESSION, {P1: B})
    assert steps(peer_sync) == [ResendAll(SESSION), announce(B, P1)]
    peer_sync.time_out()
    assert steps(peer_sync) == [ResendAll(SESSION), announce(B, P1)]


def test_withdrawal_whose_update_came_after_all_was_lost_once() -> None:
    peer_sync = adopted({}, {P1: A}, SESSION.families)
    assert steps(peer_sync) == [Withdraw(SESSION, (P1,))]
    peer_sync.time_out()
    peer_sync.confirm(withdrawn(P1))
    peer_sync.set_desired(SESSION, {P1: A})
    assert steps(peer_sync) == [announce(A, P1)]
    peer_sync.time_out()
    assert steps(peer_sync) == [ResendAll(SESSION), announce(A, P1)]


def test_lost_withdrawal_is_repeated_alone_and_then_refused() -> None:
    """The engine holds nothing that it could send again."""
    peer_sync = adopted({}, {P1: A}, SESSION.families)
    assert steps(peer_sync) == [Withdraw(SESSION, (P1,))]
    peer_sync.time_out()
    assert steps(peer_sync) == [Withdraw(SESSION, (P1,))]
    peer_sync.time_out()
    assert steps(peer_sync) == []
    assert peer_sync.current.refused == {P1: None}


@pytest.mark.parametrize("by", ["answer", "timeouts"])
def test_late_update_of_a_refused_route_is_corrected(by: str) -> None:
    peer_sync = peer({P1: A})
    steps(peer_sync)
    if by == "answer":
        peer_sync.acknowledge([P1], done=False)
    else:
        peer_sync.time_out()
        steps(peer_sync)
        peer_sync.time_out()
    assert steps(peer_sync) == [END]
    peer_sync.confirm(shown(B, P1))
    assert steps(peer_sync) == [announce(A, P1)]


def test_resending_is_asked_for_once() -> None:
    peer_sync = peer({P1: A})
    steps(peer_sync)
    peer_sync.time_out()
    assert steps(peer_sync) == [ResendAll(SESSION), announce(A, P1)]
    assert steps(peer_sync) == []


def test_unanswered_operation_of_the_session_before_counts_as_lost_only_in_its_own() -> None:
    peer_sync = peer({P1: A})
    steps(peer_sync)
    peer_sync.close()
    peer_sync.set_desired(SESSION, {P1: A, P2: B, P3: A})
    peer_sync.establish()
    assert steps(peer_sync) == [announce(B, P2), announce(A, P3)]
    peer_sync.time_out()
    assert (peer_sync.current.lost, peer_sync.in_flight) == ({P2, P3}, {})
    assert steps(peer_sync) == [ResendAll(SESSION), announce(A, P1, P3), announce(B, P2)]
    peer_sync.time_out()
    assert peer_sync.current.refused == {P2: B, P3: A}


def test_timeouts_in_a_row_are_counted_until_something_is_written() -> None:
    peer_sync = peer({P1: A})
    for number in (1, 2, 3):
        steps(peer_sync)
        peer_sync.time_out()
        assert peer_sync.current.timeouts == number
    peer_sync.confirm(withdrawn(P2))
    assert peer_sync.current.timeouts == 0
    peer_sync.time_out()
    peer_sync.complete(Family.IPV4)
    assert peer_sync.current.timeouts == 0


def test_answer_about_an_operation_that_is_over_changes_nothing() -> None:
    peer_sync = peer({P1: A, P2: A})
    steps(peer_sync)
    peer_sync.confirm(shown(A, P1))
    peer_sync.acknowledge([P1, P2], done=False)
    assert (peer_sync.sent, peer_sync.current.refused, peer_sync.in_flight) == (1, {P2: A}, {})


def test_first_answer_about_an_operation_counts() -> None:
    peer_sync = peer({P1: A, P2: A, P3: B})
    steps(peer_sync)
    for done in (True, False):
        peer_sync.acknowledge([P1, P2, P3], done=done)
        assert [operation.acknowledged for operation in peer_sync.in_flight.values()] == [True, True, True]
    assert [operation.attributes for operation in peer_sync.in_flight.values()] == [A, A, B]


@pytest.mark.parametrize("done", [True, False])
def test_answer_while_the_session_is_down_says_whether_the_engine_sends_the_route(done: bool) -> None:
    peer_sync = peer({P1: A})
    steps(peer_sync)
    peer_sync.close()
    peer_sync.acknowledge([P1], done=done)
    assert peer_sync.in_flight == {}
    peer_sync.establish()
    assert peer_sync.current.awaiting_resend == ({P1: A} if done else {})
    assert steps(peer_sync) == ([] if done else [announce(A, P1)])


def test_refused_route_holds_up_no_other() -> None:
    peer_sync = peer({P1: A})
    steps(peer_sync)
    peer_sync.acknowledge([P1], done=False)
    peer_sync.set_desired(SESSION, {P1: A, P2: A})
    assert steps(peer_sync) == [announce(A, P2)]


def test_refused_change_is_no_reason_to_keep_a_route_of_a_removed_family() -> None:
    peer_sync = adopted({V6: A6}, {V6: A6}, BOTH.families, BOTH)
    peer_sync.set_desired(BOTH, {V6: B6})
    assert steps(peer_sync) == [announce(B6, V6, session=BOTH)]
    peer_sync.acknowledge([V6], done=False)
    peer_sync.set_desired(SESSION, {V6: B6})
    assert steps(peer_sync) == [Withdraw(SESSION, (V6,))]


def test_step_that_is_not_sent_may_be_reported_twice() -> None:
    peer_sync = peer({P1: A})
    [announcement] = steps(peer_sync)
    peer_sync.mark_unsent(announcement)
    peer_sync.mark_unsent(announcement)
    assert steps(peer_sync) == [announcement]
    peer_sync.confirm(shown(A, P1))
    assert steps(peer_sync) == [END]
    peer_sync.mark_unsent(END)
    peer_sync.mark_unsent(END)
    assert steps(peer_sync) == [END]
    peer_sync.complete(Family.IPV4)
    peer_sync.mark_unsent(END)
    assert steps(peer_sync) == []


def test_withdrawal_that_nobody_asked_for_ends_no_announcement() -> None:
    peer_sync = peer({P1: A})
    steps(peer_sync)
    peer_sync.confirm(withdrawn(P1, P2))
    assert (list(peer_sync.in_flight), steps(peer_sync)) == ([P1], [])


def test_update_with_an_older_path_confirms_only_the_operation_that_it_shows() -> None:
    peer_sync = peer({P1: A, P2: A})
    steps(peer_sync)
    peer_sync.confirm(shown(A, P2))
    peer_sync.set_desired(SESSION, {P1: A, P2: B})
    assert steps(peer_sync) == [announce(B, P2)]
    peer_sync.confirm(shown(A, P1, P2))
    assert list(peer_sync.in_flight) == [P2]


def test_new_route_may_be_written_before_the_others_are_sent_again() -> None:
    peer_sync = peer({P1: A, P2: A})
    steps(peer_sync)
    peer_sync.confirm(shown(A, P1, P2))
    peer_sync.close()
    peer_sync.set_desired(SESSION, {P1: A, P2: A, P3: A})
    peer_sync.establish()
    assert steps(peer_sync) == [announce(A, P3)]
    peer_sync.confirm(shown(A, P3))
    assert (peer_sync.sent, list(peer_sync.current.awaiting_resend)) == (1, [P1, P2])


def test_route_whose_withdrawal_is_acknowledged_is_not_sent_again() -> None:
    peer_sync = adopted({P2: A}, {P1: A, P2: A}, SESSION.families)
    assert steps(peer_sync) == [Withdraw(SESSION, (P1,))]
    peer_sync.acknowledge([P1], done=True)
    peer_sync.close()
    peer_sync.establish()
    assert list(peer_sync.current.awaiting_resend) == [P2]


def test_forgotten_peer_starts_from_an_empty_table() -> None:
    peer_sync = peer({P1: A, P2: A})
    steps(peer_sync)
    peer_sync.confirm(shown(A, P1))
    peer_sync.forget()
    assert (peer_sync.established, peer_sync.in_flight) == (False, {})
    peer_sync.negotiate(negotiated(SESSION.families))
    peer_sync.establish()
    assert steps(peer_sync) == [announce(A, P1, P2)]


def test_session_without_a_negotiation_carries_nothing() -> None:
    peer_sync = PeerSync(SESSION)
    peer_sync.set_desired(SESSION, {P1: A})
    peer_sync.establish()
    assert (steps(peer_sync), peer_sync.sent) == ([], 0)
    assert not peer_sync.moves_to(replace(SESSION, local_address=IPv4Address("10.77.0.12")))
    assert not peer_sync.agrees(up())


DOWN = replace(up(), state=State.ACTIVE)


@pytest.mark.parametrize(
    ("is_up", "snapshot", "agrees"),
    [
        pytest.param(False, None, True, id="down-and-not-reported"),
        pytest.param(False, DOWN, True, id="down-as-reported"),
        pytest.param(False, up(), False, id="opened-without-an-event"),
        pytest.param(True, None, False, id="up-and-not-reported"),
        pytest.param(True, DOWN, False, id="closed-without-an-event"),
        pytest.param(True, up(), True, id="up-as-reported"),
        pytest.param(True, up(families=Family), False, id="another-session"),
    ],
)
def test_snapshot_agrees_if_the_session_is_the_same(is_up: bool, snapshot: Snapshot | None, agrees: bool) -> None:
    peer_sync = peer({})
    if not is_up:
        peer_sync.close()
    assert peer_sync.agrees(snapshot) is agrees


LINK_LOCAL = IPv6Address("fe80::1")


@pytest.mark.parametrize(
    ("is_up", "local", "wanted", "moves"),
    [
        pytest.param(True, NODE, NODE, False, id="the-same"),
        pytest.param(True, NODE, IPv4Address("10.77.0.12"), True, id="another"),
        pytest.param(True, NODE, None, False, id="any-will-do"),
        pytest.param(False, NODE, IPv4Address("10.77.0.12"), False, id="down"),
        pytest.param(True, LINK_LOCAL, IPv6Address("fe80::1%eth0"), False, id="the-same-with-a-zone"),
        pytest.param(True, IPv6Address("fe80::1%eth0"), LINK_LOCAL, False, id="the-same-without-a-zone"),
        pytest.param(True, LINK_LOCAL, IPv6Address("fe80::2%eth0"), True, id="another-with-a-zone"),
    ],
)
def test_session_moves_to_another_local_address(
    is_up: bool, local: Address, wanted: Address | None, moves: bool
) -> None:
    peer_sync = peer({})
    peer_sync.negotiate(replace(negotiated(SESSION.families), local_address=local))
    if not is_up:
        peer_sync.close()
    session: Session = replace(SESSION, local_address=wanted)
    assert peer_sync.moves_to(session) is moves
