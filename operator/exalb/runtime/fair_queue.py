"""Gives every group its turn: however much one namespace brings, the others do not wait behind it. Pure."""

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Items in groups, which take turns; a full queue drops the newest item of the largest group."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._groups: dict[Hashable, deque[Item]] = {}
        """In the order of their turns."""
        self._count = 0

    def __len__(self) -> int:
        """Return how many items there are."""
        return self._count

    def put(self, group: Hashable, item: Item) -> Item | None:
        """Add an item; return the one that was dropped for it, or None."""
        self._groups.setdefault(group, deque()).append(item)
        self._count += 1
        if self._count <= self._capacity:
            return None
        return self._take(max(self._groups, key=lambda name: len(self._groups[name])), newest=True)

    def pop(self) -> Item:
        """Remove and return the next item; there must be one."""
        group = next(iter(self._groups))
        item = self._take(group)
        if group in self._groups:
            self._groups[group] = self._groups.pop(group)
        return item

    def _take(self, group: Hashable, *, newest: bool = False) -> Item:
        items = self._groups[group]
        item = items.pop() if newest else items.popleft()
        self._count -= 1
        if not items:
            del self._groups[group]
        return item


def in_turns(items: Sequence[Item], group: Callable[[Item], Hashable]) -> list[Item]:
    """Return the first item of each group, then the second of each, and so on."""
    queue = FairQueue[Item](len(items))
    for item in items:
        queue.put(group(item), item)
    return [queue.pop() for _ in range(len(queue))]
