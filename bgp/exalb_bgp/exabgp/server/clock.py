"""A steady clock for ExaBGP, which measures session timers by wall-clock time, even if the machine's clock is set."""

from collections.abc import Callable


class Clock:
    """Returns seconds since the epoch: the date at the start plus the seconds since on a monotonic clock."""

    def __init__(self, date: float, monotonic: Callable[[], float]) -> None:
        """Begin at `date`; `monotonic` returns seconds and never jumps."""
        self._offset, self._monotonic = date - monotonic(), monotonic

    def __call__(self) -> float:
        """Return the seconds."""
        return self._offset + self._monotonic()
