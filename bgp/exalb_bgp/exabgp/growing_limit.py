"""Timeouts that grow each time they are reached, so that a slow machine still succeeds."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class GrowingLimit:
    """A limit that doubles each time it is reached, up to `largest`."""

    first: float
    largest: float
    current: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin with the first limit."""
        self.current = self.first

    def grow(self) -> None:
        """Double the limit, because it was reached."""
        self.current = min(2 * self.current, self.largest)

    def reset(self) -> None:
        """Return to the first limit."""
        self.current = self.first
