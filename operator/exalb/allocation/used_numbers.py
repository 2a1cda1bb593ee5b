"""The addresses of one family of one pool that are in use, as numbers, and the lowest free one. Pure."""

from collections.abc import Callable, Iterable
from heapq import heappop, heappush

from exalb.api.address_ranges import AddressRange


class UsedNumbers:
    """Finds the lowest free number without a look at those below it: these are in use, or became free since."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self._full_below = 0
        """No number below is free, but some of `_freed`."""
        self._freed: list[int] = []
        """A heap, each number once."""
        self._is_freed: set[int] = set()

    def add(self, number: int) -> None:
        """Enter that a number is in use."""
        self.numbers.add(number)

    def discard(self, number: int) -> None:
        """Enter that it is not."""
        if number in self.numbers:
            self.numbers.remove(number)
            if number < self._full_below and number not in self._is_freed:
                self._is_freed.add(number)
                heappush(self._freed, number)

    def lowest_free(self, ranges: Iterable[AddressRange], is_closed: Callable[[int], bool]) -> int | None:
        """Return the lowest number of the ranges, in order, that is neither used nor closed; None if there is none.

        What is closed never changes.
        """
        while self._freed:
            number = self._freed[0]
            if number not in self.numbers and not is_closed(number):
                return number
            self._is_freed.remove(heappop(self._freed))
        for part in ranges:
            number = max(part.first, self._full_below)
            while number <= part.last and (number in self.numbers or is_closed(number)):
                number += 1
            self._full_below = number
            if number <= part.last:
                return number
        return None
