"""One BFD session as a state machine (RFC 5880 §6.8): asynchronous mode. Pure: packets and the time go in.

    Down ──the router is Down──▶ Init ──it is Init or Up──▶ Up      Down ──it is Init──▶ Up
      ▲──────────────── no packet for the detection time, or it is Down ────────────────┘

A fresh session first listens and sends nothing. If the router still holds the session of an earlier process Up, its
packet has this session's discriminator, which is the same at every start (`discriminator`): the session is then Up at
once, and the router sees no change. Any other packet, or the end of the wait (`begin`), starts the session as the RFC
has it.
"""

from dataclasses import dataclass, replace
from zlib import crc32

from exalb_bfd.packet import ADMINISTRATIVELY_DOWN, EXPIRED, NEIGHBOR_DOWN, NO_DIAGNOSTIC, Packet, State

SLOW = 1_000_000
"""Microseconds: a session that is not Up sends no more often (RFC 5880 §6.8.3)."""
LISTEN_SECONDS = 5.0
"""How long a fresh session listens at most. A router sends far more often while its session is Up."""
ABSENCE_SECONDS = 30.0
"""For so long the router waits for a process that left on purpose (`leave`): longer than a new pod takes to start."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The configuration of a session; times are microseconds."""

    transmit_interval: int
    receive_interval: int
    multiplier: int


@dataclass(frozen=True, slots=True)
class Session:
    """The state of one session (RFC 5880 §6.8.1)."""

    parameters: Parameters
    discriminator: int
    listening: bool = True
    """It sends nothing yet, in case the router still holds the session Up."""
    state: State = State.DOWN
    diagnostic: int = NO_DIAGNOSTIC
    remote: Packet | None = None
    """The last packet of the router; None while it is silent."""
    received_at: float = 0.0
    """When that arrived."""
    transmit_interval: int = SLOW
    """Desired Min TX Interval, as it is sent."""
    pace: int = SLOW
    """The interval in use: a longer one is used only once the router confirmed it (RFC 5880 §6.8.3)."""
    watch: int = 0
    """Required Min RX Interval for the detection time: a shorter one counts only once the router confirmed it."""
    polling: bool = False
    """A Poll Sequence runs (RFC 5880 §6.5)."""


def fresh(parameters: Parameters, discriminator: int) -> Session:
    """Return a session that listens."""
    return Session(parameters, discriminator, watch=parameters.receive_interval)


def discriminator(local: object, remote: object) -> int:
    """Return the discriminator of the session between two addresses: the same in every process, and never 0."""
    return crc32(f"{local} {remote}".encode()) or 1


def packet_of(session: Session, *, final: bool = False) -> Packet:
    """Return the packet that the session sends now."""
    return Packet(
        state=session.state,
        diagnostic=session.diagnostic,
        multiplier=session.parameters.multiplier,
        my_discriminator=session.discriminator,
        your_discriminator=session.remote.my_discriminator if session.remote else 0,
        transmit_interval=session.transmit_interval,
        receive_interval=session.parameters.receive_interval,
        poll=session.polling and not final,
        final=final,
    )


def transmit_after(session: Session, chance: float) -> float | None:
    """Return the seconds to the next periodic packet, or None if there is none; `chance` is from 0 to 1 (§6.8.7)."""
    remote = session.remote
    if session.listening or (remote and remote.receive_interval == 0):
        return None
    if remote and remote.demand and remote.state is session.state is State.UP and not session.polling:
        return None
    interval = max(session.pace, remote.receive_interval if remote else 0) / 1e6
    least, most = 0.75, 0.9 if session.parameters.multiplier == 1 else 1.0
    return interval * (least + (most - least) * chance)


def detection_time(session: Session) -> float | None:
    """Return the seconds after which a silent router is dead (§6.8.4); None while it is silent already."""
    if session.remote is None:
        return None
    return session.remote.multiplier * max(session.watch, session.remote.transmit_interval) / 1e6


def deadline(session: Session) -> float | None:
    """Return when the router is dead if nothing arrives before."""
    detection = detection_time(session)
    return None if detection is None else session.received_at + detection


def begin(session: Session) -> Session:
    """End the wait for a router that holds the session Up."""
    return replace(session, listening=False)


def receive(session: Session, packet: Packet, now: float) -> Session:
    """Handle a packet for this session (§6.8.6). If it polls, the caller sends `packet_of(…, final=True)` at once."""
    if packet.your_discriminator not in (0, session.discriminator):
        return session
    known = replace(session, remote=packet, received_at=now)
    if packet.final and known.polling:
        confirmed = known.parameters.receive_interval
        known = replace(known, polling=False, pace=known.transmit_interval, watch=confirmed)
    if session.state is State.ADMIN_DOWN:
        return replace(known, listening=False)
    if session.listening:
        known = replace(known, listening=False)
        if packet.state is State.UP and packet.your_discriminator:
            return _enter(known, State.UP, NO_DIAGNOSTIC)
    return _follow(known, packet.state)


def _follow(session: Session, remote: State) -> Session:
    """Return the session after the router said its state."""
    match session.state, remote:
        case State.INIT | State.UP, State.ADMIN_DOWN:
            return _enter(session, State.DOWN, NEIGHBOR_DOWN)
        case State.UP, State.DOWN:
            return _enter(session, State.DOWN, NEIGHBOR_DOWN)
        case State.DOWN, State.DOWN:
            return _enter(session, State.INIT, session.diagnostic)
        case (State.DOWN, State.INIT) | (State.INIT, State.INIT | State.UP):
            return _enter(session, State.UP, NO_DIAGNOSTIC)
        case _:
            return session


def expire(session: Session) -> Session:
    """Handle that the detection time passed without a packet (§6.8.4)."""
    silent = replace(session, remote=None, polling=False)
    if session.state in (State.INIT, State.UP):
        return _enter(silent, State.DOWN, EXPIRED)
    return silent


def disable(session: Session) -> Session:
    """Take the session down on purpose, so that the router does not take this node for dead (§6.8.16)."""
    return replace(_enter(session, State.ADMIN_DOWN, ADMINISTRATIVELY_DOWN), listening=False)


def enable(session: Session) -> Session:
    """Begin again after `disable`."""
    return _enter(session, State.DOWN, NO_DIAGNOSTIC) if session.state is State.ADMIN_DOWN else session


def change(session: Session, parameters: Parameters) -> Session:
    """Use other parameters; a session that is Up has the router confirm them first (§6.8.3)."""
    if parameters == session.parameters:
        return session
    is_up = session.state is State.UP
    watch = max(session.watch, parameters.receive_interval) if is_up else parameters.receive_interval
    changed = replace(session, parameters=parameters, watch=watch, polling=is_up)
    return _transmit_every(changed, _interval(parameters, session.state))


def leave(session: Session) -> Session:
    """Ask the router to wait long for the next packet, since another process is to continue the session."""
    slow = int(ABSENCE_SECONDS * 1e6 / session.parameters.multiplier)
    return _transmit_every(session, max(slow, session.transmit_interval)) if session.state is State.UP else session


def _enter(session: Session, state: State, diagnostic: int) -> Session:
    polling = session.polling and state is State.UP
    watch = session.watch if state is State.UP else session.parameters.receive_interval
    entered = replace(session, state=state, diagnostic=diagnostic, polling=polling, watch=watch)
    return _transmit_every(entered, _interval(session.parameters, state))


def _interval(parameters: Parameters, state: State) -> int:
    return parameters.transmit_interval if state is State.UP else max(SLOW, parameters.transmit_interval)


def _transmit_every(session: Session, interval: int) -> Session:
    """Use a shorter interval at once, and a longer one, if Up, when the router confirmed it."""
    if interval == session.transmit_interval:
        return session
    is_up = session.state is State.UP
    pace = min(session.pace, interval) if is_up else interval
    return replace(session, transmit_interval=interval, pace=pace, polling=is_up)
