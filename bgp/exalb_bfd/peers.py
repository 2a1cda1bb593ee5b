"""The goal and the status of the BFD process as values, and as the JSON lines of its socket. Pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

from exalb_bfd.packet import State
from exalb_bfd.session import Parameters

Address: TypeAlias = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Peer:
    """A router to which a BFD session is wanted; intervals are milliseconds."""

    address: Address
    transmit_interval: int
    receive_interval: int
    multiplier: int
    local_address: Address | None = None
    """None leaves it to the routing table."""
    interface: str | None = None
    """The interface that a link-local `address` is on, or that the session is bound to."""
    disabled: bool = False
    """Whether the session is AdminDown."""

    @property
    def parameters(self) -> Parameters:
        """The parameters of its session."""
        return Parameters(self.transmit_interval * 1000, self.receive_interval * 1000, self.multiplier)


@dataclass(frozen=True, slots=True)
class BfdCounts:
    """Counters of one session since its process began."""

    up: int = 0
    """How often it came Up."""
    down: int = 0
    """How often it went from Up to another state."""
    late: int = 0
    """Packets that were sent more than a quarter of the interval too late."""
    dropped: int = 0
    """Packets of the router that were dropped unread, because there were too many."""


@dataclass(frozen=True, slots=True)
class BfdSession:
    """The status of one session; times are seconds."""

    state: State = State.DOWN
    since: float | None = None
    """When it entered `state`, in seconds since 1970; None before the first change."""
    diagnostic: int = 0
    remote_state: State | None = None
    """None while the router is silent."""
    remote_diagnostic: int = 0
    transmit_interval: float = 0.0
    """How often this end sends at least."""
    detection_time: float | None = None
    """After this time without a packet the router is dead."""
    remote_detection_time: float | None = None
    """After this time without a packet this node is dead to the router."""
    was_up: bool = False
    """Whether it was Up since its process began."""
    listening: bool = False
    """Whether it is not known yet if the router still holds the session of an earlier process Up."""
    problem: str | None = None
    """Why no packet can be sent or received: a message for people."""
    counts: BfdCounts = field(default=BfdCounts(), compare=False)


@dataclass(frozen=True, slots=True)
class BfdStatus:
    """The status of the BFD process: `sessions` by the name of the peer."""

    connected: bool = False
    """Whether the process answers."""
    sessions: Mapping[str, BfdSession] = field(default_factory=dict)


def goal_line(peers: Mapping[str, Peer]) -> str:
    """Write a goal as one line."""
    return json.dumps({name: _plain(asdict(peer)) for name, peer in peers.items()}) + "\n"


def goal_of(line: str) -> dict[str, Peer]:
    """Read a goal; raises ValueError."""
    try:
        return {name: _peer(raw) for name, raw in json.loads(line).items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"malformed goal: {error}") from error


def status_line(sessions: Mapping[str, BfdSession]) -> str:
    """Write the sessions as one line."""
    return json.dumps({name: _plain(asdict(session)) for name, session in sessions.items()}) + "\n"


def sessions_of(line: str) -> dict[str, BfdSession]:
    """Read sessions; raises ValueError."""
    try:
        return {name: _session(raw) for name, raw in json.loads(line).items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"malformed status: {error}") from error


def _plain(values: dict[str, object]) -> dict[str, object]:
    return {
        name: str(value) if isinstance(value, Address) else value.value if isinstance(value, State) else value
        for name, value in values.items()
    }


def _peer(raw: dict[str, object]) -> Peer:
    local = raw.pop("local_address")
    address = ip_address(str(raw.pop("address")))
    return Peer(address=address, local_address=None if local is None else ip_address(str(local)), **raw)  # type: ignore[arg-type]


def _session(raw: dict[str, object]) -> BfdSession:
    remote = raw.pop("remote_state")
    counts = BfdCounts(**raw.pop("counts"))  # type: ignore[arg-type]
    return BfdSession(
        state=State(raw.pop("state")),
        remote_state=None if remote is None else State(remote),
        counts=counts,
        **raw,  # type: ignore[arg-type]
    )
