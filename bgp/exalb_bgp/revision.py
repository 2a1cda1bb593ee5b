"""Tables that know how they differ from the one before: a reader of both compares only what changed. Pure.

To compare two tables costs time for each entry, as does a hash of each prefix; with thousands of entries that is more
than all that follows from one change.
"""

from collections.abc import Mapping
from itertools import count
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_MANY = 256
"""More changes than these are not kept: they would keep what was removed, and to compare all is cheap next to them."""
_numbers = count(1)


class Revision(dict[K, V]):
    """A table that nobody changes: an earlier one with some changes. Without changes it is an empty one."""

    __slots__ = ("_before", "_changed", "number")

    def __init__(self, before: Mapping[K, V] | None = None, changes: Mapping[K, V | None] | None = None) -> None:
        """Take the new values of `changes`, and remove the keys whose value is None there."""
        super().__init__(before or {})
        self.number = next(_numbers)
        self._before = before.number if isinstance(before, Revision) else 0
        for key, value in (changes or {}).items():
            if value is None:
                self.pop(key, None)
            else:
                self[key] = value
        self._changed = tuple(changes or ())
        if len(self._changed) > _MANY:
            self._before, self._changed = 0, ()
            self._shrink()

    def _shrink(self) -> None:
        left = dict(self)
        self.clear()
        self.update(left)

    def changed_since(self, other: Mapping[K, V]) -> tuple[K, ...] | None:
        """Return the keys that may differ from `other`; None where they must be compared."""
        return self._changed if isinstance(other, Revision) and other.number == self._before else None


def known_changes(old: Mapping[K, V], new: Mapping[K, V]) -> tuple[K, ...] | None:
    """Return the keys that may differ in two tables; None where they must be compared."""
    if old is new:
        return ()
    return new.changed_since(old) if isinstance(new, Revision) else None


class Revised(Generic[K, V]):
    """A table that changes, and makes a revision of itself where one is asked for after a change."""

    def __init__(self) -> None:
        self._revision = Revision[K, V]()
        self._changes: dict[K, V | None] = {}

    def __contains__(self, key: K) -> bool:
        """Return whether a key is there."""
        return self.get(key) is not None

    def get(self, key: K) -> V | None:
        """Return the value of a key, or None."""
        return self._changes[key] if key in self._changes else self._revision.get(key)

    def set(self, key: K, value: V | None) -> None:
        """Set a key, or remove it; the same object again changes nothing."""
        if value is None and key not in self._revision:
            self._changes.pop(key, None)
        elif self.get(key) is not value:
            self._changes[key] = value

    def revision(self) -> Revision[K, V]:
        """Return the table as it is now: the same object until it changes."""
        if self._changes:
            self._revision, self._changes = Revision(self._revision, self._changes), {}
        return self._revision
