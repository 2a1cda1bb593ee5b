"""An answer: a chain of steps from the cause to the effect, with the first broken one marked. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from exalb.api.reasons import Reason, Refusal
from exalb.api.shorten import shorten_names
from exalb.explain.next_steps import next_step


class Verdict(Enum):
    """The state of one step."""

    GOOD = "ok"
    NOTE = "note"
    """Good to know; it does not stop the traffic."""
    UNCHECKED = "unchecked"
    """ExaLB cannot see it."""
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a chain, such as the address of a Service."""

    hop: str
    """The name of the step."""
    verdict: Verdict
    message: str
    reason: Reason | None = None
    object: str = ""
    """The object to look at, as kubectl takes it."""
    next: str = ""
    """The next thing to do about it."""
    nodes: tuple[str, ...] = ()
    """All nodes concerned."""
    peers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer about one object."""

    subject: str
    summary: str
    steps: tuple[Step, ...]

    @property
    def first_broken(self) -> Step | None:
        """The step where the chain breaks first."""
        return next((step for step in self.steps if step.verdict is Verdict.BROKEN), None)


def good(hop: str, message: str, **more: Any) -> Step:  # noqa: ANN401 - fields of Step
    """Return a step that works."""
    return Step(hop, Verdict.GOOD, message, **more)


def note(hop: str, refusal: Refusal, about: str = "", **more: Any) -> Step:  # noqa: ANN401 - fields of Step
    """Return a step that is good to know."""
    return Step(hop, Verdict.NOTE, refusal.message, refusal.reason, about, next_step(refusal, about), **more)


def broken(hop: str, refusal: Refusal, about: str = "", **more: Any) -> Step:  # noqa: ANN401 - fields of Step
    """Return a step at which the chain ends."""
    return Step(hop, Verdict.BROKEN, refusal.message, refusal.reason, about, next_step(refusal, about), **more)


def answer(subject: str, steps: Iterable[Step], works: str) -> Answer:
    """Return the answer with these steps; its summary is `works`, or the first broken step."""
    found = Answer(subject, works, tuple(steps))
    first = found.first_broken
    if first is None or first.reason is None:
        return found
    return Answer(subject, f"{first.reason.value}: {first.message}", found.steps)


def since_words(since: str | None) -> str:
    """Return since when something is so at the latest; empty where nobody knows."""
    return f" since {since} or earlier" if since else ""


def names(all_names: Iterable[str], limit: int = 3) -> str:
    """Return the first names as text, and how many more there are."""
    return shorten_names([*all_names], limit)
