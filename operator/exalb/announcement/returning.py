"""The return of a node after its drain was undone, in steps: how less its routes are preferred, and for how long. Pure.

A node that returns announces all of its routes from the first moment: an address that no other node announces is
served at once, and the steps only have routers prefer other nodes, where there are any.
"""

from dataclasses import replace
from enum import Enum
from typing import NamedTuple

from exalb.api.advertisement import MAX_PREPEND
from exalb_bgp.rib import GRACEFUL_SHUTDOWN, Attributes

_LARGEST_MED = 2**32 - 1


class Means(Enum):
    """The means by which routers prefer other nodes; the value is how people write it."""

    GRACEFUL_SHUTDOWN = "GRACEFUL_SHUTDOWN"
    """The community (RFC 8326): the receiver lowers its local preference."""
    PREPEND = "prepend"
    """A longer AS_PATH."""
    MED = "med"
    """A larger MULTI_EXIT_DISC."""


class Depreference(NamedTuple):
    """How routes are announced that others are to be preferred to."""

    means: Means = Means.GRACEFUL_SHUTDOWN
    value: int = 0
    """How often the AS number is added to AS_PATH, or by how much MED is larger."""

    @classmethod
    def parse(cls, text: str) -> "Depreference":
        """Read `prepend=N`, `med=N` or the community's name; raises ValueError."""
        name, _, value = text.strip().partition("=")
        if name == Means.GRACEFUL_SHUTDOWN.value and not value:
            return cls()
        most = {Means.PREPEND.value: MAX_PREPEND, Means.MED.value: _LARGEST_MED}.get(name, 0)
        if value.isascii() and value.isdecimal() and 1 <= int(value) <= most:
            return cls(Means(name), int(value))
        raise ValueError(
            f"{text!r} is no step: write prepend=1 to prepend={MAX_PREPEND}, or med=1 to med={_LARGEST_MED}"
        )

    @classmethod
    def of_report(cls, text: str) -> "Depreference":
        """Read what a speaker reported; that of another version may have words that this one does not know."""
        try:
            return cls.parse(text)
        except ValueError:
            return cls()

    def __str__(self) -> str:
        """Write it as in the settings."""
        return f"{self.means.value}={self.value}" if self.value else self.means.value

    def applied(self, attributes: Attributes, *, is_ibgp: bool) -> Attributes:
        """Return attributes that are less preferred; an iBGP session carries no longer AS_PATH, so the community."""
        if self.means is Means.MED:
            return replace(attributes, med=min((attributes.med or 0) + self.value, _LARGEST_MED))
        if self.means is Means.PREPEND and not is_ibgp:
            return replace(attributes, as_path_prepend=attributes.as_path_prepend + self.value)
        return replace(attributes, communities=tuple(sorted({*attributes.communities, GRACEFUL_SHUTDOWN})))


class ReturnPolicy(NamedTuple):
    """The steps of a return: GRACEFUL_SHUTDOWN first, then others, each for a time."""

    seconds: float = 0.0
    """How long the routes have GRACEFUL_SHUTDOWN."""
    steps: tuple[Depreference, ...] = ()
    """The steps after that."""
    step_seconds: float = 10.0
    """How long each of these lasts."""

    @property
    def timed(self) -> tuple[tuple[Depreference, float], ...]:
        """All steps, each with its seconds."""
        first = ((Depreference(), self.seconds),) if self.seconds > 0 else ()
        return (*first, *((step, self.step_seconds) for step in self.steps))


class ReturnStep(NamedTuple):
    """One step of a return."""

    number: int
    """From 1."""
    steps: int
    """How many there are."""
    how: Depreference
    ends: float
    """Seconds from the beginning of the return."""


NO_RETURN = ReturnPolicy()
"""The routes are as usual at once."""


def return_step(policy: ReturnPolicy, elapsed: float) -> ReturnStep | None:
    """Return the step so many seconds after the beginning; None once the return is over."""
    timed, ends = policy.timed, 0.0
    for number, (how, seconds) in enumerate(timed, 1):
        ends += seconds
        if elapsed < ends:
            return ReturnStep(number, len(timed), how, ends)
    return None
