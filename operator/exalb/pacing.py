"""How often the status of one object may be written: at once after a pause, then at most every few seconds.

An object whose write is refused waits ever longer, alone: it never holds up the others.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

FIRST_REFUSAL, LAST_REFUSAL = 1.0, 120.0
"""Seconds."""


@dataclass(slots=True)
class _Pause:
    until: float
    refusals: int = 0


class Pace:
    """Remembers of each object when it may be written again; time is what the caller says, in seconds. Pure."""

    def __init__(self, intervals: Mapping[str, float]) -> None:
        self._intervals = intervals
        """By kind, the shortest time between two writes to one object; none for other kinds."""
        self._pauses: dict[Hashable, _Pause] = {}

    def may_write(self, key: Hashable, now: float) -> bool:
        """Tell whether the object may be written now."""
        pause = self._pauses.get(key)
        return pause is None or pause.until <= now

    def written(self, kind: str, key: Hashable, now: float) -> None:
        """Note that a write to the object was done."""
        interval = self._intervals.get(kind, 0.0)
        if interval:
            self._pauses[key] = _Pause(now + interval)
        else:
            self._pauses.pop(key, None)

    def refused(self, key: Hashable, now: float) -> None:
        """Note that the server refused a write to the object."""
        before = self._pauses.get(key)
        refusals = before.refusals + 1 if before else 1
        self._pauses[key] = _Pause(now + min(LAST_REFUSAL, FIRST_REFUSAL * 2 ** (refusals - 1)), refusals)

    def forget_before(self, now: float) -> None:
        """Drop what no longer holds anything up."""
        self._pauses = {
            key: pause for key, pause in self._pauses.items() if pause.until > now or now - pause.until < LAST_REFUSAL
        }

    def free_at(self, keys: list[Hashable]) -> float | None:
        """Return when the first of these objects may be written; None for no objects."""
        return min((self._pauses[key].until for key in keys if key in self._pauses), default=None)
