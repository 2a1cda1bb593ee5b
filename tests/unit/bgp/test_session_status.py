"""The status and the errors of a session."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest

from exalb_bgp.events import (
    CloseCause,
    Closed,
    Established,
    Event,
    Negotiated,
    NotificationSeen,
    OpenReceived,
    Snapshot,
    StateChanged,
)
from exalb_bgp.notification_text import describe_notification
from exalb_bgp.session import Family, Password, Session, SessionStatus, State
from exalb_bgp.session_status import adopted, observe, started

PEER, NODE = IPv4Address("10.77.0.100"), IPv4Address("10.77.0.11")
SESSION = Session("tor", PEER, 64512, 64513, NODE, graceful_restart=120)
THEN, NOW = datetime(2026, 1, 1, 11, tzinfo=UTC), datetime(2026, 1, 1, 12, tzinfo=UTC)
UP = SessionStatus(State.ESTABLISHED, THEN, frozenset(Family), graceful_restart=True)


def after(status: SessionStatus, *events: Event) -> SessionStatus:
    for event in events:
        status = observe(status, SESSION, event, NOW)
    return status


def test_session_opens() -> None:
    status = after(
        started(SESSION),
        StateChanged(PEER, State.OPEN_SENT),
        OpenReceived(PEER, graceful_restart=True),
        Negotiated(PEER, NODE, frozenset(Family), extended_next_hop=False),
        StateChanged(PEER, State.ESTABLISHED),
        Established(PEER),
    )
    assert status == replace(UP, since=NOW)


def test_since_does_not_change_with_attempts() -> None:
    down = after(UP, Closed(PEER, CloseCause.LOST))
    assert (down.state, down.since) == (State.ACTIVE, NOW)
    later = observe(down, SESSION, StateChanged(PEER, State.OPEN_SENT), datetime(2026, 1, 1, 13, tzinfo=UTC))
    assert (later.state, later.since) == (State.OPEN_SENT, NOW)


def test_closed_session_has_no_negotiated_capabilities() -> None:
    down = after(UP, Closed(PEER, CloseCause.LOST))
    assert (down.families, down.graceful_restart) == (frozenset(), False)
    assert down.last_error == "the TCP connection was closed"


def test_notification_is_reported_instead_of_closed_connection() -> None:
    down = after(UP, NotificationSeen(PEER, False, 6, 2, b"\x05lunch"), Closed(PEER, CloseCause.NOTIFICATION))
    assert down.last_error == 'NOTIFICATION the peer sent: cease (administrative shutdown): "lunch"'


def test_error_is_kept_until_session_opens() -> None:
    tried = after(UP, NotificationSeen(PEER, True, 4, 0, b""), Closed(PEER, CloseCause.NOTIFICATION))
    tried = after(tried, StateChanged(PEER, State.ACTIVE), StateChanged(PEER, State.CONNECT))
    assert tried.last_error == "NOTIFICATION sent to the peer: hold timer expired"
    assert after(tried, Established(PEER)).last_error is None


DOWN = 'NOTIFICATION the peer sent: cease (administrative shutdown): "lunch"'
LOST = Closed(PEER, CloseCause.LOST)
REFUSED: list[Event] = [StateChanged(PEER, State.CONNECT), LOST, StateChanged(PEER, State.ACTIVE)]
CLOSED_EARLY: list[Event] = [
    StateChanged(PEER, State.CONNECT),
    StateChanged(PEER, State.OPEN_SENT),
    LOST,
    StateChanged(PEER, State.ACTIVE),
]
OPENED: list[Event] = [StateChanged(PEER, State.OPEN_SENT), StateChanged(PEER, State.OPEN_CONFIRM)]
SHUT: list[Event] = [
    NotificationSeen(PEER, False, 6, 2, b"\x05lunch"),
    Closed(PEER, CloseCause.NOTIFICATION),
    StateChanged(PEER, State.ACTIVE),
]
WRONG_AS: list[Event] = [
    NotificationSeen(PEER, True, 2, 2, b""),
    Closed(PEER, CloseCause.NOTIFICATION),
    StateChanged(PEER, State.ACTIVE),
]
BAD_AS = "NOTIFICATION sent to the peer: OPEN message error (bad peer AS: the AS numbers of both ends do not match)"
NO_OPEN = "10.77.0.100 port 179 refused the connection, or closed it before it sent an OPEN message"
GONE = "the TCP connection was closed"
FAILED = "the BGP engine closed the session after an internal error: see its log"
NEVER = "no TCP connection to 10.77.0.100 port 179 yet: the peer does not listen there, or packets are lost"

STORIES: dict[str, tuple[list[Event], str | None]] = {
    "nothing yet": ([], NEVER),
    "still trying": ([StateChanged(PEER, State.ACTIVE), StateChanged(PEER, State.CONNECT)], NEVER),
    "refused": (REFUSED, NO_OPEN),
    "closed before OPEN": (CLOSED_EARLY, NO_OPEN),
    "closed after OPEN": ([*OPENED, LOST], GONE),
    "wrong AS": ([StateChanged(PEER, State.OPEN_SENT), *WRONG_AS], BAD_AS),
    "wrong AS again and again": ([*OPENED[:1], *WRONG_AS, *OPENED[:1], *WRONG_AS], BAD_AS),
    "shut": ([Established(PEER), *SHUT], DOWN),
    "shut, then refused": ([Established(PEER), *SHUT, *REFUSED], f"{DOWN}; since then: {NO_OPEN}"),
    "shut, then refused often": ([Established(PEER), *SHUT, *REFUSED, *CLOSED_EARLY], f"{DOWN}; since then: {NO_OPEN}"),
    "lost, then refused": ([Established(PEER), LOST, *REFUSED], f"{GONE}; since then: {NO_OPEN}"),
    "refused, then wrong AS": ([*REFUSED, *OPENED[:1], *WRONG_AS], BAD_AS),
    "shut, then wrong AS": ([Established(PEER), *SHUT, *REFUSED, *OPENED[:1], *WRONG_AS], BAD_AS),
    "shut, then OPEN and lost": ([Established(PEER), *SHUT, *REFUSED, *OPENED, LOST], GONE),
    "shut, then up": ([Established(PEER), *SHUT, *REFUSED, *OPENED, Established(PEER)], None),
    "shut, up, refused": (
        [Established(PEER), *SHUT, Established(PEER), LOST, *REFUSED],
        f"{GONE}; since then: {NO_OPEN}",
    ),
    "an error of the engine": ([Established(PEER), Closed(PEER, CloseCause.ENGINE)], FAILED),
    "an end for another configuration": ([Established(PEER), Closed(PEER, CloseCause.REMOVED)], NEVER),
}
"""Events, and the last error after them."""


@pytest.mark.parametrize("story", STORIES)
def test_error_of_last_session_is_kept_during_attempts(story: str) -> None:
    events, last_error = STORIES[story]
    assert after(started(SESSION), *events).last_error == last_error


def test_passive_session_reports_peer_that_sends_no_open() -> None:
    waiting = replace(SESSION, passive=True, local_address=NODE)
    status = started(waiting)
    for event in (StateChanged(PEER, State.OPEN_SENT), LOST):
        status = observe(status, waiting, event, NOW)
    assert status.last_error == "10.77.0.100 connected, and closed the connection before it sent an OPEN message"


def test_status_of_closed_session_is_kept_when_driver_reconnects() -> None:
    down = after(started(SESSION), Established(PEER), *SHUT, *REFUSED)
    found = Snapshot(PEER, State.ACTIVE, None, frozenset(), graceful_restart=False)
    later = datetime(2026, 1, 1, 13, tzinfo=UTC)
    assert adopted(down, SESSION, found, later) == down
    fallen = adopted(UP, SESSION, found, later)
    assert (fallen.since, fallen.last_error) == (later, NEVER)


def test_session_that_never_opened_reports_possible_causes() -> None:
    secret = replace(SESSION, password=Password(b"secret"))
    text = started(secret).last_error or ""
    assert "10.77.0.100 port 179" in text
    assert "password" in text
    assert "secret" not in text
    assert "password" not in (started(SESSION).last_error or "")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ((True, 2, 2, b""), "OPEN message error (bad peer AS: the AS numbers of both ends do not match)"),
        ((False, 6, 4, b"\x00"), "cease (administrative reset)"),
        ((False, 6, 2, b"\x07a\nb\x1b[2J"), 'cease (administrative shutdown): "a b [2J"'),
        ((False, 6, 2, b"\xffshort"), 'cease (administrative shutdown): "short"'),
        ((False, 6, 99, b""), "cease (subcode 99)"),
        ((False, 77, 0, b""), "error 77"),
    ],
)
def test_notification_is_decoded(message: tuple[bool, int, int, bytes], text: str) -> None:
    sender = "sent to the peer" if message[0] else "the peer sent"
    assert describe_notification(*message) == f"NOTIFICATION {sender}: {text}"


def test_error_names_local_address_that_node_may_lack() -> None:
    assert (
        started(replace(SESSION, local_address=NODE)).last_error == f"{NEVER}, or {NODE} is not an address of this node"
    )
