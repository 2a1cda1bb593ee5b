"""Patches as an API server applies them."""

from typing import Any


def merged(current: dict[str, Any], patch: Any) -> dict[str, Any]:
    """Apply a merge patch (RFC 7386)."""
    found = dict(current)
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key, {}), value) if isinstance(value, dict) else value
    return found
