"""Events of the sessions of an engine, one type for each kind. An address identifies a peer."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TypeAlias

from exalb_bgp.rib import Address, Attributes, Prefix
from exalb_bgp.session import Family, State


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The finite state machine entered a state (RFC 4271 §8.2.2)."""

    peer: Address
    state: State


@dataclass(frozen=True, slots=True)
class OpenReceived:
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
    """The session is up; the engine now sends again all routes that it holds for the peer."""

    peer: Address


class CloseCause(Enum):
    """Why a session, or an attempt at it, ended."""

    LOST = "the TCP connection was lost, or was never established"
    NOTIFICATION = "a NOTIFICATION was sent or received; its own event has the details"
    LOCAL = "this end closed it, without a NOTIFICATION so that the peer keeps the routes"
    REMOVED = "this end removed the session and all routes that it held for the peer"
    REPLACED = "another connection with the same peer took its place"
    ENGINE = "the engine closed it for a reason of its own"


@dataclass(frozen=True, slots=True)
class Closed:
    """The session, or an attempt at it, ended."""

    peer: Address
    cause: CloseCause


@dataclass(frozen=True, slots=True)
class NotificationSeen:
    """A NOTIFICATION was sent or received (RFC 4271 §4.5)."""

    peer: Address
    sent: bool
    code: int
    subcode: int
    data: bytes


@dataclass(frozen=True, slots=True)
class UpdateSent:
    """One UPDATE was written to the peer; attributes are as on the wire, with an explicit next hop."""

    peer: Address
    announced: tuple[tuple[Attributes, tuple[Prefix, ...]], ...] = ()
    withdrawn: tuple[Prefix, ...] = ()


@dataclass(frozen=True, slots=True)
class EndOfRibSent:
    """An End-of-RIB was written to the peer."""

    peer: Address
    family: Family


Event: TypeAlias = (
    StateChanged | OpenReceived | Negotiated | Established | Closed | NotificationSeen | UpdateSent | EndOfRibSent
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of one session as read from the engine; fields that the engine does not report keep their defaults."""

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

    @property
    def negotiated(self) -> Negotiated | None:
        """The result of the negotiation; None without a local address: there was none."""
        if self.local_address is None:
            return None
        return Negotiated(self.peer, self.local_address, self.families, self.extended_next_hop)
