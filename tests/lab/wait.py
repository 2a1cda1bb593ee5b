"""Wait for a condition with a deadline, in the lab and in tests."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class TooLateError(AssertionError):
    """A condition was not true in time; the text has the condition, the time and the last value."""


def until(what: str, condition: Callable[[], T], *, seconds: float = 30, every: float = 0.05) -> T:
    """Return the condition's first true value; TooLateError after `seconds`.

    An AssertionError of the condition counts as "not yet", and its text is shown if the time runs out.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            last: object = (value := condition())
            if value:
                return value
        except AssertionError as error:
            last = error
        if time.monotonic() > deadline:
            raise TooLateError(f"waited {seconds:g} s until {what}; last seen: {last}")
        time.sleep(every)
