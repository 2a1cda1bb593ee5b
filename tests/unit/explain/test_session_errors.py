"""What to do about a session that is down, and about one that flaps, by the errors that the package of BGP makes."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network

import pytest

from exalb.announcement.bfd import why_down
from exalb.explain.session_errors import flap_step, session_step
from exalb_bfd.peers import BfdSession
from exalb_bgp.events import CloseCause, Closed, Established, Event, NotificationSeen
from exalb_bgp.notification_text import describe_notification
from exalb_bgp.session import Password, Session, SessionStatus, State
from exalb_bgp.session_status import observe, refused, started, too_large, unwritten
from exalb_bgp.speaker import Speaker
from exalb_bgp.speaker_sync import SpeakerSync

ROUTER = IPv4Address("203.0.113.1")
PLAIN = Session("tor", ROUTER, 64512, 64513, IPv4Address("203.0.113.11"))
NOW = datetime(2026, 1, 31, tzinfo=UTC)


def notification(code: int, subcode: int) -> str:
    """Return the error of a NOTIFICATION that the router sent."""
    return describe_notification(False, code, subcode, b"")


def closed(session: Session, before: SessionStatus) -> str:
    """Return the error of a connection that was lost."""
    return observe(before, session, Closed(ROUTER, CloseCause.LOST), NOW).last_error or ""


LATER = SessionStatus(State.ACTIVE, ended=notification(6, 1), last_error=notification(6, 1))
PREFIX = IPv4Network("198.51.100.1/32")
ERRORS = {
    "asn": (notification(2, 2), "peerASN"),
    "prefixes": (notification(6, 1), "prefix limit"),
    "shutdown": (notification(6, 2), "enable the neighbor"),
    "removed": (notification(6, 3), "somebody removed it"),
    "second-session": (notification(6, 7), "sourceAddress"),
    "hold-time": (notification(2, 6), "holdTime"),
    "hold-timer": (notification(4, 0), "lost packets"),
    "first-cause": (closed(PLAIN, LATER), "prefix limit"),
    "refused": (closed(PLAIN, started(PLAIN)), "configure this node as a neighbor"),
    "unreached": (started(PLAIN).last_error, "no firewall"),
    "password": (started(replace(PLAIN, password=Password(b"x"))).last_error, "Secret"),
    "passive": (started(replace(PLAIN, passive=True)).last_error, "make the router connect"),
    "lost": (closed(PLAIN, SessionStatus(State.ESTABLISHED)), "router's log"),
    "unwritten": (unwritten(PLAIN), "it does not read"),
    "too-large": (too_large([PREFIX]), "remove communities"),
    "engine": (refused([PREFIX]), "container bgp"),
    "unknown": (notification(5, 0), ""),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error_leads_to_a_step(name: str) -> None:
    error, step = ERRORS[name]
    assert error
    assert step in session_step(error)
    assert bool(session_step(error)) == bool(step)


def end(*events: Event) -> str:
    """Return why an Established session ended, as its speaker reports it."""
    sync = SpeakerSync()
    sync.set_desired(Speaker({"tor": PLAIN}), {})
    for event in (Established(ROUTER), *events):
        sync.handle_event(event, NOW)
    return sync.status(True, NOW).sessions["tor"].counts.why


def ended(code: int, subcode: int = 0, *, sent: bool = False) -> str:
    """Return the cause of an end with a NOTIFICATION."""
    return end(NotificationSeen(ROUTER, sent, code, subcode, b""), Closed(ROUTER, CloseCause.NOTIFICATION))


CAUSES = {
    "shutdown": (ended(6, 2), "enables it again"),
    "removed": (ended(6, 3), "configures it again"),
    "reset": (ended(6, 4), "resets the session"),
    "own-shutdown": (ended(6, 2, sent=True), ""),
    "prefixes": (ended(6, 1), "prefix limit"),
    "second-session": (ended(6, 7), "sourceAddress"),
    "hold-timer": (ended(4), "overloaded"),
    "lost": (end(Closed(ROUTER, CloseCause.LOST)), "router's log"),
    "bfd": (why_down(BfdSession(diagnostic=1)), "detectMultiplier"),
    "bfd-of-the-router": (ended(6, 10), "detectMultiplier"),
    "unknown": (end(Closed(ROUTER, CloseCause.REPLACED)), ""),
}


@pytest.mark.parametrize("name", CAUSES)
def test_step_for_a_session_that_flaps_asks_for_nothing_that_its_return_has_done(name: str) -> None:
    cause, step = CAUSES[name]
    assert step in flap_step(cause)
    assert bool(flap_step(cause)) == bool(step)
