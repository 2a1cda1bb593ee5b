"""What people are told of one session: its state, since when, and why it is not Established.

The end of a session in which the peer was heard says more than the attempts after it, which mostly meet a closed door:
its words stay in front until a peer is heard again, and what the attempts meet stands behind them.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from exalb_bgp.events import Closed, Entered, Established, Event, Negotiated, Notified, Opened, Snapshot
from exalb_bgp.failures import LOST, describe_close, describe_notification
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
        case Opened():
            offered = session.graceful_restart is not None
            return replace(status, graceful_restart=offered and event.graceful_restart)
        case Notified():
            text = describe_notification(event.sent, event.code, event.subcode, event.data)
            return replace(_down(status, now), last_error=text, ended=text)
        case Closed():
            return _closed(status, session, event.reason, now)
        case Entered():
            return _entered(status, session, event.state, now)
        case _:
            return status


def adopted(status: SessionStatus, session: Session, snapshot: Snapshot, now: datetime) -> SessionStatus:
    """Return the status of a session as read back; one that was down before is so since then, and why is kept."""
    if snapshot.state is not State.ESTABLISHED:
        before = status if status.state is not State.ESTABLISHED else started(session)
        return replace(before, state=_shown(snapshot.state), since=before.since or now)
    return SessionStatus(
        state=State.ESTABLISHED,
        since=now - snapshot.lasted,
        families=snapshot.families,
        graceful_restart=snapshot.graceful_restart and session.graceful_restart is not None,
        extended_next_hop=snapshot.extended_next_hop,
    )


def unwritten(session: Session) -> str:
    """Say why a session is of no use although it is Established."""
    return f"nothing can be written to {session.peer_address}: it reads nothing, or packets are lost on the way"


def refused(prefixes: Collection[Prefix]) -> str:
    """Say which prefixes an Established session goes without, or cannot get rid of."""
    first, *others = sorted(prefixes, key=lambda prefix: (prefix.version, prefix))
    more = f" and {len(others)} more" if others else ""
    return f"ExaBGP does not send what is wanted of {first}{more}"


def _closed(status: SessionStatus, session: Session, reason: str, now: datetime) -> SessionStatus:
    """Say why it ended; ExaBGP tells a refused connection like one that was made and lost."""
    down, text = _down(status, now), describe_close(reason)
    if not text:
        return replace(down, last_error=status.last_error or _unconnected(session))
    if status.state in {State.ACTIVE, State.CONNECT, State.OPEN_SENT}:
        met = text if reason != LOST else _unheard(session)
        return replace(down, last_error=f"{status.ended}; since then: {met}" if status.ended else met)
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
        state=_shown(state),
        since=status.since or now,
        last_error=status.last_error or _unconnected(session),
    )


def _shown(state: State) -> State:
    """ExaBGP waits in Idle for its TCP connection; RFC 4271 §8.2.2 calls that Active."""
    return State.ACTIVE if state is State.IDLE else state


def _unconnected(session: Session) -> str:
    where = f"{session.peer_address} port {session.peer_port}"
    if session.passive:
        return f"waiting for {session.peer_address} to connect to port {session.listen_port}"
    keys = ", or the passwords differ" if session.password else ""
    own = f", or {session.local_address} is no address of this node" if session.local_address else ""
    return f"no TCP connection to {where} yet: nobody listens there, or packets are lost on the way{keys}{own}"


def _unheard(session: Session) -> str:
    """Say that a connection came to nothing before the peer said a word."""
    if session.passive:
        return f"{session.peer_address} connected, and closed the connection before it sent an OPEN message"
    where = f"{session.peer_address} port {session.peer_port}"
    return f"{where} refused the connection, or closed it before it sent an OPEN message"
