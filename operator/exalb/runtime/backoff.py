"""Waits that grow between failed attempts."""

import asyncio
import random


class Backoff:
    """Delays in seconds that double from `first` up to `limit`, each shortened at random by up to half.

    The first attempt after a success is immediate.
    """

    def __init__(self, first: float, limit: float) -> None:
        self._first, self._limit = first, limit
        self._next = 0.0

    def reset(self) -> None:
        """Note a success."""
        self._next = 0.0

    def delay(self) -> float:
        """Note an attempt; return how long to wait before the next."""
        delay = self._next
        self._next = min(self._limit, max(self._first, 2 * delay))
        return delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing

    async def wait(self) -> None:
        """Note an attempt, and wait."""
        await asyncio.sleep(self.delay())
