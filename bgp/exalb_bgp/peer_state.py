"""The state of one peer that `PeerSync` keeps: operations in flight, the current session, and the difference."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

from exalb_bgp.rib import Attributes, Prefix
from exalb_bgp.session import Family

CHUNK = 96
"""Prefixes in one command."""
LISTED = 1_000
"""Unsent prefixes that a status lists."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A change on its way to the peer; None as attributes is a withdrawal."""

    attributes: Attributes | None
    stale: bool = False
    """Issued in an earlier session, and not acknowledged before this one began."""
    acknowledged: bool = False


@dataclass(slots=True)
class Difference:
    """The prefixes of an Established session whose route on the wire is not the desired one, by the next action."""

    unsent: set[Prefix] = field(default_factory=set)
    """Desired, and not on the wire as desired."""
    to_announce: dict[Prefix, None] = field(default_factory=dict)
    """May be announced now, oldest first."""
    to_withdraw: dict[Prefix, None] = field(default_factory=dict)
    """May be withdrawn now, oldest first."""
    too_large: set[Prefix] = field(default_factory=set)
    """Desired, and never sent: the UPDATE would be larger than a BGP message may be."""

    @property
    def listed(self) -> frozenset[Prefix] | None:
        """The unsent prefixes; None if they are too many to list at each change."""
        return frozenset(self.unsent) if len(self.unsent) <= LISTED else None

    @property
    def actions(self) -> bool:
        """Whether an announcement or a withdrawal may be issued now."""
        return bool(self.to_announce or self.to_withdraw)

    def mark(self, prefix: Prefix, *, unsent: bool, announce: bool, withdraw: bool, too_large: bool) -> None:
        """Set the state of one prefix."""
        (self.unsent.add if unsent else self.unsent.discard)(prefix)
        if too_large or self.too_large:  # a look into an empty table would hash the prefix
            (self.too_large.add if too_large else self.too_large.discard)(prefix)
        for prefixes, due in ((self.to_announce, announce), (self.to_withdraw, withdraw)):
            if due:
                prefixes[prefix] = None
            elif prefixes:
                prefixes.pop(prefix, None)

    def take_to_withdraw(self, limit: int) -> list[Prefix]:
        """Remove and return at most `limit` prefixes to withdraw."""
        prefixes = list(islice(self.to_withdraw, max(0, limit)))
        for prefix in prefixes:
            del self.to_withdraw[prefix]
        return prefixes

    def take_to_announce(self, limit: int, first: Collection[Prefix]) -> list[Prefix]:
        """Remove and return at most `limit` prefixes to announce, those of `first` before the others."""
        alike = (prefix for prefix in first if prefix in self.to_announce)
        others = (prefix for prefix in self.to_announce if prefix not in first) if first else iter(self.to_announce)
        prefixes = list(islice(chain(alike, others), max(0, limit)))
        for prefix in prefixes:
            del self.to_announce[prefix]
        return prefixes


@dataclass(slots=True)
class CurrentSession:
    """Everything that begins empty with each session."""

    established: bool = False
    wire: dict[Prefix, Attributes] = field(default_factory=dict)
    """The routes that the peer holds, according to the UPDATE messages of this session."""
    awaiting_resend: dict[Prefix, Attributes] = field(default_factory=dict)
    """The routes of the session before that the engine has not sent again yet."""
    lost: set[Prefix] = field(default_factory=set)
    """The prefixes with an operation that timed out once."""
    refused: dict[Prefix, Attributes | None] = field(default_factory=dict)
    """The changes that the engine refused, or that timed out twice; retried when the desired attributes change."""
    end_of_rib: dict[Family, bool] = field(default_factory=dict)
    """The families whose End-of-RIB was requested, and whether it was written."""
    timeouts: int = 0
    """How often in a row operations in flight timed out, without an UPDATE in between."""
    resend_due: bool = False
    """Whether the engine must send all routes again."""
    difference: Difference = field(default_factory=Difference)

    def note(self, prefix: Prefix, attributes: Attributes) -> None:
        """Note that an UPDATE announced a prefix."""
        self.wire[prefix] = attributes
        if self.awaiting_resend:
            self.awaiting_resend.pop(prefix, None)

    def clear_failures(self, prefixes: Iterable[Prefix]) -> None:
        """Mark prefixes whose UPDATE came late as neither refused nor lost, so that wrong ones are corrected."""
        for prefix in prefixes:
            self.refused.pop(prefix, None)
            self.lost.discard(prefix)

    def request_end_of_rib_again(self) -> None:
        """Forget the requests for an End-of-RIB that was not written."""
        self.end_of_rib = {family: written for family, written in self.end_of_rib.items() if written}


def put(table: dict[Prefix, Attributes], prefix: Prefix, attributes: Attributes | None) -> None:
    """Change one route of a table; None as attributes removes it."""
    if attributes is None:
        table.pop(prefix, None)
    else:
        table[prefix] = attributes


def chunks(prefixes: list[Prefix]) -> Iterator[tuple[Prefix, ...]]:
    """Yield the prefixes of each command."""
    for start in range(0, len(prefixes), CHUNK):
        yield tuple(prefixes[start : start + CHUNK])
