"""The status of one session for people: its state, since when, and why it is not Established.

`last_error` starts with the error that ended the last working session, because later connection errors say less. The
newest connection error is appended.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

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
from exalb_bgp.paths import LARGEST_MESSAGE
from exalb_bgp.rib import Prefix
from exalb_bgp.session import Session, SessionStatus, State


def started(session: Session) -> SessionStatus:
    """Return the status of a session that was configured just now."""
    return SessionStatus(state=State.ACTIVE, last_error=_unconnected(session))


def observe(status: SessionStatus, session: Session, event: Event, now: datetime) -> SessionStatus:
    """Return the status after an event that happened at `now`."""
    match event:
        case Established():
            return replace(status, state=State.ESTABLISHED, since=now, last_error=None, ended=None)
        case Negotiated():
            return replace(status, families=event.families, extended_next_hop=event.extended_next_hop)
        case OpenReceived():
            offered = session.graceful_restart is not None
            return replace(status, graceful_restart=offered and event.graceful_restart)
        case NotificationSeen():
            text = describe_notification(event.sent, event.code, event.subcode, event.data)
            return replace(_down(status, now), last_error=text, ended=text)
        case Closed():
            return _closed(status, session, event.cause, now)
        case StateChanged():
            return _entered(status, session, event.state, now)
        case _:
            return status


def adopted(status: SessionStatus, session: Session, snapshot: Snapshot, now: datetime) -> SessionStatus:
    """Return the status of a session as read back; one that was down before keeps its time and its error."""
    if snapshot.state is not State.ESTABLISHED:
        before = status if status.state is not State.ESTABLISHED else started(session)
        return replace(before, state=snapshot.state, since=before.since or now)
    return SessionStatus(
        state=State.ESTABLISHED,
        since=now - snapshot.lasted,
        families=snapshot.families,
        graceful_restart=snapshot.graceful_restart and session.graceful_restart is not None,
        extended_next_hop=snapshot.extended_next_hop,
    )


def unwritten(session: Session) -> str:
    """Return the error of an Established session to which nothing can be written."""
    return f"nothing can be written to {session.peer_address}: the peer does not read, or packets are lost"


def refused(prefixes: Collection[Prefix]) -> str:
    """Return the error for prefixes that the engine did not announce or withdraw."""
    return f"the BGP engine did not send the UPDATE for {_listed(prefixes)}: see its log for the error"


def too_large(prefixes: Collection[Prefix]) -> str:
    """Return the error for prefixes whose UPDATE would be too large."""
    return (
        f"not announced: {_listed(prefixes)}: the path attributes do not fit a BGP message of {LARGEST_MESSAGE} octets "
        "(RFC 4271): remove communities"
    )


def _listed(prefixes: Collection[Prefix]) -> str:
    first, *others = sorted(prefixes, key=lambda prefix: (prefix.version, prefix))
    return f"{first} and {len(others)} more" if others else str(first)


_CAUSES = {
    CloseCause.LOST: "the TCP connection was closed",
    CloseCause.LOCAL: "closed from this side",
    CloseCause.ENGINE: "the BGP engine closed the session after an internal error: see its log",
}
"""Error texts for causes without an event that has the details."""


def _closed(status: SessionStatus, session: Session, cause: CloseCause, now: datetime) -> SessionStatus:
    """Return the status after the end of a session. A refused connection is reported like a lost one."""
    down, text = _down(status, now), _CAUSES.get(cause)
    if text is None:
        return replace(down, last_error=status.last_error or _unconnected(session))
    if status.state in {State.ACTIVE, State.CONNECT, State.OPEN_SENT}:
        newest = text if cause is not CloseCause.LOST else _closed_before_open(session)
        return replace(down, last_error=f"{status.ended}; since then: {newest}" if status.ended else newest)
    return replace(down, last_error=text, ended=text)


def _down(status: SessionStatus, now: datetime) -> SessionStatus:
    if status.state is not State.ESTABLISHED:
        return status
    return SessionStatus(state=State.ACTIVE, since=now, last_error=status.last_error, ended=status.ended)


def _entered(status: SessionStatus, session: Session, state: State, now: datetime) -> SessionStatus:
    if state is State.ESTABLISHED or status.state is State.ESTABLISHED:
        return status
    return replace(
        status,
        state=state,
        since=status.since or now,
        last_error=status.last_error or _unconnected(session),
    )


def _unconnected(session: Session) -> str:
    where = f"{session.peer_address} port {session.peer_port}"
    if session.passive:
        return f"waiting for {session.peer_address} to connect to port {session.listen_port}"
    keys = ", or the passwords differ" if session.password else ""
    own = f", or {session.local_address} is not an address of this node" if session.local_address else ""
    return f"no TCP connection to {where} yet: the peer does not listen there, or packets are lost{keys}{own}"


def _closed_before_open(session: Session) -> str:
    """Return the error for a connection that closed before the peer sent an OPEN."""
    if session.passive:
        return f"{session.peer_address} connected, and closed the connection before it sent an OPEN message"
    where = f"{session.peer_address} port {session.peer_port}"
    return f"{where} refused the connection, or closed it before it sent an OPEN message"
