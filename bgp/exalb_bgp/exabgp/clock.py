"""A clock that goes on evenly whatever becomes of the machine's: it is for ExaBGP, which times sessions by the date."""

from collections.abc import Callable


class Clock:
    """Tells seconds since the epoch, as they were at first plus those that passed since on an even clock."""

    def __init__(self, date: float, even: Callable[[], float]) -> None:
        """Begin at `date`; `even` tells seconds, never sets back and never leaps."""
        self._offset, self._even = date - even(), even

    def __call__(self) -> float:
        """Return the seconds."""
        return self._offset + self._even()
