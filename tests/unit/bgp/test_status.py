"""What people are told of a session."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest

from exalb_bgp.events import Closed, Entered, Established, Event, Negotiated, Notified, Opened, Snapshot
from exalb_bgp.failures import describe_notification
from exalb_bgp.session import Family, Password, Session, SessionStatus, State
from exalb_bgp.status import adopted, observe, started

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


DOWN = 'NOTIFICATION the peer sent: cease (administrative shutdown): "lunch"'
LOST = Closed(PEER, "closing connection")
REFUSED: list[Event] = [Entered(PEER, State.CONNECT), LOST, Entered(PEER, State.IDLE)]
UNHEARD: list[Event] = [Entered(PEER, State.CONNECT), Entered(PEER, State.OPEN_SENT), LOST, Entered(PEER, State.IDLE)]
HEARD: list[Event] = [Entered(PEER, State.OPEN_SENT), Entered(PEER, State.OPEN_CONFIRM)]
SHUT: list[Event] = [
    Notified(PEER, False, 6, 2, b"\x05lunch"),
    Closed(PEER, "notification received (6,2)"),
    Entered(PEER, State.IDLE),
]
WRONG_AS: list[Event] = [
    Notified(PEER, True, 2, 2, b""),
    Closed(PEER, "notification sent (2,2)"),
    Entered(PEER, State.IDLE),
]
BAD_AS = "NOTIFICATION sent to the peer: OPEN message error (bad peer AS: the AS numbers of both ends do not match)"
DOOR = "10.77.0.100 port 179 refused the connection, or closed it before it sent an OPEN message"
GONE = "the TCP connection was closed"
NEVER = "no TCP connection to 10.77.0.100 port 179 yet: nobody listens there, or packets are lost on the way"

STORIES: dict[str, tuple[list[Event], str | None]] = {
    "nothing yet": ([], NEVER),
    "still trying": ([Entered(PEER, State.IDLE), Entered(PEER, State.CONNECT)], NEVER),
    "refused": (REFUSED, DOOR),
    "closed before OPEN": (UNHEARD, DOOR),
    "closed after OPEN": ([*HEARD, LOST], GONE),
    "wrong AS": ([Entered(PEER, State.OPEN_SENT), *WRONG_AS], BAD_AS),
    "wrong AS again and again": ([*HEARD[:1], *WRONG_AS, *HEARD[:1], *WRONG_AS], BAD_AS),
    "shut": ([Established(PEER), *SHUT], DOWN),
    "shut, then refused": ([Established(PEER), *SHUT, *REFUSED], f"{DOWN}; since then: {DOOR}"),
    "shut, then refused often": ([Established(PEER), *SHUT, *REFUSED, *UNHEARD], f"{DOWN}; since then: {DOOR}"),
    "lost, then refused": ([Established(PEER), LOST, *REFUSED], f"{GONE}; since then: {DOOR}"),
    "refused, then wrong AS": ([*REFUSED, *HEARD[:1], *WRONG_AS], BAD_AS),
    "shut, then wrong AS": ([Established(PEER), *SHUT, *REFUSED, *HEARD[:1], *WRONG_AS], BAD_AS),
    "shut, then heard and lost": ([Established(PEER), *SHUT, *REFUSED, *HEARD, LOST], GONE),
    "shut, then up": ([Established(PEER), *SHUT, *REFUSED, *HEARD, Established(PEER)], None),
    "shut, up, refused": ([Established(PEER), *SHUT, Established(PEER), LOST, *REFUSED], f"{GONE}; since then: {DOOR}"),
    "an end without a word": ([Established(PEER), Closed(PEER, "")], NEVER),
    "an end for another configuration": ([Established(PEER), Closed(PEER, "stop, message [removed]")], NEVER),
}
"""What happens, and what is said at the end of it."""


@pytest.mark.parametrize("story", STORIES)
def test_the_end_of_a_session_outlives_the_attempts_after_it(story: str) -> None:
    events, said = STORIES[story]
    assert after(started(SESSION), *events).last_error == said


def test_a_caller_who_says_nothing_is_not_said_to_refuse() -> None:
    waiting = replace(SESSION, passive=True, local_address=NODE)
    status = started(waiting)
    for event in (Entered(PEER, State.OPEN_SENT), LOST):
        status = observe(status, waiting, event, NOW)
    assert status.last_error == "10.77.0.100 connected, and closed the connection before it sent an OPEN message"


def test_what_is_known_of_a_session_that_is_down_outlives_the_connection_to_the_engine() -> None:
    down = after(started(SESSION), Established(PEER), *SHUT, *REFUSED)
    found = Snapshot(PEER, State.IDLE, None, frozenset(), graceful_restart=False)
    later = datetime(2026, 1, 1, 13, tzinfo=UTC)
    assert adopted(down, SESSION, found, later) == down
    fallen = adopted(UP, SESSION, found, later)
    assert (fallen.since, fallen.last_error) == (later, NEVER)


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


def test_an_address_that_the_node_may_lack_is_named() -> None:
    assert started(replace(SESSION, local_address=NODE)).last_error == f"{NEVER}, or {NODE} is no address of this node"
