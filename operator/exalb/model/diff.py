"""Finds the changes between two mappings that share their unchanged objects by identity. Pure."""

from collections.abc import Mapping
from itertools import compress, islice
from operator import is_not
from typing import TypeVar

from exalb_bgp.revision import known_changes

K = TypeVar("K")
V = TypeVar("V")


def changed_keys(old: Mapping[K, V], new: Mapping[K, V]) -> list[K]:
    """Return the keys whose object is not the very same: new, replaced or gone.

    Two revisions of one table are not compared. Else a snapshot is mostly a copy of the one before, so both are read in
    parallel; if the keys are not the same objects in the same order, every key is looked up instead. All of it runs in
    C: a change costs each other object only this.
    """
    known = known_changes(old, new)
    if known is not None:
        return [key for key in known if old.get(key) is not new.get(key)]
    if any(map(is_not, new, old)):
        return _by_lookup(old, new)
    changed = list(compress(new, map(is_not, new.values(), old.values())))
    changed.extend(islice(new, len(old), None))
    changed.extend(islice(old, len(new), None))
    return changed


def _by_lookup(old: Mapping[K, V], new: Mapping[K, V]) -> list[K]:
    changed = list(compress(new, map(is_not, new.values(), map(old.get, new))))
    return changed + [key for key in old if key not in new]
