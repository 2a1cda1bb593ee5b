"""What an engine tells of its sessions, one value for each kind of news. Peers are known by their address."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from exalb_bgp.rib import Address, Attributes, Prefix
from exalb_bgp.session import Family, State


@dataclass(frozen=True, slots=True)
class Entered:
    """The finite state machine entered a state (RFC 4271 §8.2.2)."""

    peer: Address
    state: State


@dataclass(frozen=True, slots=True)
class Opened:
    """The peer's OPEN arrived."""

    peer: Address
    graceful_restart: bool


@dataclass(frozen=True, slots=True)
class Negotiated:
    """Both ends agreed on what the session can carry."""

    peer: Address
    local_address: Address
    families: frozenset[Family]
    extended_next_hop: bool


@dataclass(frozen=True, slots=True)
class Established:
    """The session is up; the engine now repeats all it holds for the peer."""

    peer: Address


@dataclass(frozen=True, slots=True)
class Closed:
    """The session, or an attempt at it, ended; `reason` is the engine's own text."""

    peer: Address
    reason: str


@dataclass(frozen=True, slots=True)
class Notified:
    """A NOTIFICATION was sent or received (RFC 4271 §4.5)."""

    peer: Address
    sent: bool
    code: int
    subcode: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Updated:
    """One UPDATE was written to the peer; attributes are as on the wire, with the next hop spelt out."""

    peer: Address
    announced: tuple[tuple[Attributes, tuple[Prefix, ...]], ...] = ()
    withdrawn: tuple[Prefix, ...] = ()


@dataclass(frozen=True, slots=True)
class Completed:
    """An End-of-RIB was written to the peer."""

    peer: Address
    family: Family


Event: TypeAlias = Entered | Opened | Negotiated | Established | Closed | Notified | Updated | Completed


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What can be read of one session at any time; what an engine does not tell is left at its default."""

    peer: Address
    state: State
    local_address: Address | None
    families: frozenset[Family]
    graceful_restart: bool
    extended_next_hop: bool = False
    """Whether RFC 8950 was negotiated."""
    completed: frozenset[Family] = frozenset()
    """The families whose End-of-RIB was written in this session."""
    lasted: timedelta = timedelta()
    """How long it has been Established, in whole seconds."""
