"""Tables that share their entries with the one before, and know how they differ from it. Pure.

To copy or to compare tables costs time for each entry, as does a hash of each prefix; with thousands of entries that is
more than all that follows from one change.
"""

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any, Generic, TypeVar, overload

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")

_LAID = 256
"""More changes than these do not lie over shared entries: all are copied together then, once for so many changes."""
_NOTED = 1024
"""So many changes are noted at most: they keep what was removed, and to compare all is cheap next to more of them."""
_ABSENT: Any = object()


class Revision(Mapping[K, V]):
    """A table that nobody changes: an earlier one with some changes. Without changes it is an empty one.

    The order is that of a dict, but a key that is removed and comes back may have its old place. Whoever reads all of a
    revision has its entries copied together, and no value is None.
    """

    __slots__ = ("_length", "end", "journal", "parts")

    def __init__(self, before: Mapping[K, V] | None = None, changes: Mapping[K, V | None] | None = None) -> None:
        """Take the new values of `changes`, and remove the keys whose value is None there."""
        if not isinstance(before, Revision):
            self.parts: tuple[dict[K, V], dict[K, V | None]] = dict((before or {}).items()), {}
            self.journal: list[K] = []
            """The changed keys of a line of revisions, one after the other."""
            self.end = 0
            """How many of them lead to this revision."""
        else:
            self.parts, self.journal, self.end = before.parts, before.journal, before.end
        self._length = len(before or ())
        if changes:
            had = sum(key in self for key in changes) if self._length else 0
            self._length += sum(value is not None for value in changes.values()) - had
            base, laid = self.parts
            self.parts = base, {**laid, **changes}
            if len(self.parts[1]) > _LAID:
                self._flat()
            self._note(changes)

    def _note(self, changes: Mapping[K, object]) -> None:
        """Continue the journal. One that another revision continued already, or a long one, has to end: begin one."""
        if self.end != len(self.journal) or self.end + len(changes) > _NOTED:
            self.journal, self.end = [], 0
        else:
            self.journal.extend(changes)
            self.end = len(self.journal)

    def _flat(self) -> dict[K, V]:
        """Return all entries in one table."""
        base, laid = self.parts
        if laid:
            entries: dict[K, Any] = {**base, **laid}  # in C, which hashes no key again
            for key in [key for key, value in laid.items() if value is None]:
                del entries[key]
            # A table from which much was removed would stay as large as it was.
            base = dict(entries) if len(entries) < len(base) else entries
            self.parts = base, {}  # at once: other threads may read it
        return base

    def changed_since(self, other: Mapping[K, V]) -> tuple[K, ...] | None:
        """Return the keys that may differ from `other`; None where they must be compared."""
        if not isinstance(other, Revision) or other.journal is not self.journal:
            return None
        start, end = sorted((other.end, self.end))
        return tuple(dict.fromkeys(self.journal[start:end]))

    def __getitem__(self, key: K) -> V:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __contains__(self, key: object) -> bool:
        """Return whether a key is there."""
        return self.get(key) is not None  # type: ignore[arg-type]  # any object may be asked for

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[K]:
        return iter(self._flat())

    @overload
    def get(self, key: K, /) -> V | None: ...
    @overload
    def get(self, key: K, /, default: V | D) -> V | D: ...
    def get(self, key: K, /, default: Any = None) -> Any:
        """Return the value of a key, or the default."""
        base, laid = self.parts
        if laid and (value := laid.get(key, _ABSENT)) is not _ABSENT:
            return default if value is None else value
        return base.get(key, default)

    def keys(self) -> KeysView[K]:
        """Return the keys."""
        return self._flat().keys()

    def values(self) -> ValuesView[V]:
        """Return the values."""
        return self._flat().values()

    def items(self) -> ItemsView[K, V]:
        """Return keys with values."""
        return self._flat().items()


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
