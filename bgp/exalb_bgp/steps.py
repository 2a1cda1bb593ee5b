"""Requests of a driver to an engine, one type for each kind."""

from dataclasses import dataclass
from typing import TypeAlias

from exalb_bgp.rib import Attributes, Prefix
from exalb_bgp.session import Family, Session


@dataclass(frozen=True, slots=True)
class Announce:
    """Announce to one peer prefixes of one family that share their attributes, which are as on the wire (`resolve`)."""

    session: Session
    attributes: Attributes
    prefixes: tuple[Prefix, ...]


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Withdraw prefixes of one family from one peer."""

    session: Session
    prefixes: tuple[Prefix, ...]


@dataclass(frozen=True, slots=True)
class EndOfRib:
    """Signal to one peer that it has the whole table of one family (RFC 4724 §2)."""

    session: Session
    family: Family


@dataclass(frozen=True, slots=True)
class ResendAll:
    """Send one peer again all routes that the engine holds for it."""

    session: Session


@dataclass(frozen=True, slots=True)
class ResetSession:
    """Close the session and open it again: for parameters that change only with the connection, or since BFD failed."""

    session: Session
    subcode: int = 6
    """Of the Cease NOTIFICATION (RFC 4486, RFC 9384), which is sent only without graceful restart."""


BFD_DOWN = 10
"""Subcode of a session that ends because BFD is Down (RFC 9384)."""

Step: TypeAlias = Announce | Withdraw | EndOfRib | ResendAll | ResetSession
"""Opening, closing and changing sessions is not a step: the engine's configuration is replaced as a whole."""
