"""What people are told of a session."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest

from exalb_bgp.events import Closed, Entered, Established, Event, Negotiated, Notified, Opened
from exalb_bgp.failures import describe_notification
from exalb_bgp.session import Family, Password, Session, SessionStatus, State
from exalb_bgp.status import observe, started

PEER, NODE = IPv4Address("10.77.0.100"), IPv4Address("10.77.0.11")
SESSION = Session("tor", PEER, 64512, 64513, NODE, graceful_restart=120)
THEN, NOW = datetime(2026, 1, 1, 11, tzinfo=UTC), datetime(2026, 1, 1, 12, tzinfo=UTC)
UP = SessionStatus(State.ESTABLISHED, THEN, frozenset(Family), graceful_restart=True)


def after(status: SessionStatus, *events: Event) -> SessionStatus:
    for event in events:
        status = observe(status, SESSION, event, NOW)
    return status


def test_a_session_comes_up() -> None:
    status = after(
        started(SESSION),
        Entered(PEER, State.OPEN_SENT),
        Opened(PEER, graceful_restart=True),
        Negotiated(PEER, NODE, frozenset(Family), extended_next_hop=False),
        Entered(PEER, State.ESTABLISHED),
        Established(PEER),
    )
    assert status == replace(UP, since=NOW)


def test_since_holds_while_a_session_tries() -> None:
    down = after(UP, Closed(PEER, "closing connection"))
    assert (down.state, down.since) == (State.ACTIVE, NOW)
    later = observe(down, SESSION, Entered(PEER, State.OPEN_SENT), datetime(2026, 1, 1, 13, tzinfo=UTC))
    assert (later.state, later.since) == (State.OPEN_SENT, NOW)


def test_a_session_that_is_down_has_negotiated_nothing() -> None:
    down = after(UP, Closed(PEER, "closing connection"))
    assert (down.families, down.graceful_restart) == (frozenset(), False)
    assert down.last_error == "the TCP connection was closed"


def test_a_notification_says_more_than_the_end_of_the_connection() -> None:
    down = after(UP, Notified(PEER, False, 6, 2, b"\x05lunch"), Closed(PEER, "notification received (6,2)"))
    assert down.last_error == 'NOTIFICATION the peer sent: cease (administrative shutdown): "lunch"'


def test_an_error_is_remembered_until_the_session_is_up() -> None:
    tried = after(UP, Notified(PEER, True, 4, 0, b""), Closed(PEER, "notification sent (4,0)"))
    tried = after(tried, Entered(PEER, State.IDLE), Entered(PEER, State.CONNECT))
    assert tried.last_error == "NOTIFICATION sent to the peer: hold timer expired"
    assert after(tried, Established(PEER)).last_error is None


def test_a_refused_connection_is_told_from_a_lost_one() -> None:
    refused = after(started(SESSION), Entered(PEER, State.OPEN_SENT), Closed(PEER, "closing connection"))
    assert "10.77.0.100 port 179 refused the connection" in (refused.last_error or "")
    lost = after(started(SESSION), Entered(PEER, State.OPEN_CONFIRM), Closed(PEER, "closing connection"))
    assert lost.last_error == "the TCP connection was closed"


def test_idle_is_shown_as_active_for_exabgp_does_try() -> None:
    assert after(started(SESSION), Entered(PEER, State.IDLE)).state is State.ACTIVE


def test_a_session_that_never_came_up_says_what_may_be_wrong() -> None:
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
def test_notifications_are_decoded(message: tuple[bool, int, int, bytes], text: str) -> None:
    who = "sent to the peer" if message[0] else "the peer sent"
    assert describe_notification(*message) == f"NOTIFICATION {who}: {text}"
