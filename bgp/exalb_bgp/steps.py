"""What a driver asks of an engine, one value for each kind of request."""

from dataclasses import dataclass
from typing import TypeAlias

from exalb_bgp.rib import Attributes, Prefix
from exalb_bgp.session import Family, Session


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell one peer of prefixes of one family that share their attributes, which are as on the wire (`resolve`)."""

    session: Session
    attributes: Attributes
    prefixes: tuple[Prefix, ...]


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take prefixes of one family back from one peer."""

    session: Session
    prefixes: tuple[Prefix, ...]


@dataclass(frozen=True, slots=True)
class EndOfRib:
    """Tell one peer that it has the whole table of one family (RFC 4724 §2)."""

    session: Session
    family: Family


@dataclass(frozen=True, slots=True)
class Replay:
    """Send one peer all that the engine holds for it once more."""

    session: Session


@dataclass(frozen=True, slots=True)
class Restart:
    """Drop the session and open it anew: for what changes only with the connection."""

    session: Session


Step: TypeAlias = Announce | Withdraw | EndOfRib | Replay | Restart
"""Opening, closing and changing sessions is no step: the engine's configuration is replaced as a whole."""
