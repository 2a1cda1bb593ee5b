"""A BGP speaker as a value: its sessions, the table of each peer, and its status."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exalb_bgp.rib import Rib
from exalb_bgp.session import Session, SessionStatus


@dataclass(frozen=True, slots=True)
class Speaker:
    """The goal: sessions by peer name, and one Adj-RIB-Out for each. A peer without a table gets no routes."""

    sessions: Mapping[str, Session] = field(default_factory=dict)
    ribs: Mapping[str, Rib] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpeakerStatus:
    """The status of the engine; `sessions` has the keys of the goal's sessions."""

    connected: bool = False
    """Whether the engine's API is connected."""
    sessions: Mapping[str, SessionStatus] = field(default_factory=dict)
