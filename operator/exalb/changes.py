"""Finding what changed between two mappings of one kind that share their unchanged objects by identity. Pure."""

from collections.abc import Mapping
from itertools import islice
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def changed_keys(old: Mapping[K, V], new: Mapping[K, V]) -> list[K]:
    """Return the keys whose object is not the very same: new, replaced or gone.

    Pictures are mostly copies of the one before, so both are walked in step; where they fall out of step, every key
    is looked up.
    """
    if old is new:
        return []
    changed: list[K] = []
    for (key, value), (old_key, old_value) in zip(new.items(), old.items(), strict=False):
        if key is not old_key and key != old_key:
            return _by_lookup(old, new)
        if value is not old_value:
            changed.append(key)
    changed.extend(islice(new, len(old), None))
    changed.extend(islice(old, len(new), None))
    return changed


def _by_lookup(old: Mapping[K, V], new: Mapping[K, V]) -> list[K]:
    changed = [key for key, value in new.items() if old.get(key) is not value]
    return changed + [key for key in old if key not in new]
