"""Limits how often something is done: a burst after a pause, then a steady rate. Pure; the caller gives the time.

An object whose write is refused waits longer after each refusal. Other objects do not wait for it.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

FIRST_REFUSAL, LAST_REFUSAL = 1.0, 120.0
"""Seconds."""


class TokenBucket:
    """Allows `burst` actions at once after a pause, and from then on `per_second`."""

    def __init__(self, burst: int, per_second: float) -> None:
        self._burst, self._per_second = burst, per_second
        self._paid = float("-inf")
        """The time at which the actions so far would end at the steady rate."""

    def delay(self, now: float) -> float:
        """Note one more action; return how many seconds it has to wait."""
        self._paid = max(self._paid, now - self._burst / self._per_second) + 1 / self._per_second
        return max(0.0, self._paid - now)


@dataclass(slots=True)
class _Pause:
    until: float
    refusals: int = 0


class WriteThrottle:
    """Remembers when each object may be written again; the caller gives the time in seconds. Pure."""

    def __init__(self, intervals: Mapping[str, float]) -> None:
        self._intervals = intervals
        """By kind, the shortest time between two writes to one object; none for other kinds."""
        self._pauses: dict[Hashable, _Pause] = {}

    def may_write(self, key: Hashable, now: float) -> bool:
        """Return whether the object may be written now."""
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
        """Forget pauses that are over."""
        self._pauses = {
            key: pause for key, pause in self._pauses.items() if pause.until > now or now - pause.until < LAST_REFUSAL
        }

    def free_at(self, keys: list[Hashable]) -> float | None:
        """Return when the first of these objects may be written; None for no objects."""
        return min((self._pauses[key].until for key in keys if key in self._pauses), default=None)
