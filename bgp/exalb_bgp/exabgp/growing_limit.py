"""Timeouts that grow each time they are reached, so that a slow machine still succeeds."""


class GrowingLimit:
    """A limit that doubles each time it is reached, up to `largest`. No dataclass: the supervisor has few modules."""

    __slots__ = ("current", "first", "largest")

    def __init__(self, first: float, largest: float) -> None:
        self.first, self.largest, self.current = first, largest, first

    def grow(self) -> None:
        """Double the limit, because it was reached."""
        self.current = min(2 * self.current, self.largest)

    def reset(self) -> None:
        """Return to the first limit."""
        self.current = self.first
