"""The time of day, for those who hand it to pure functions."""

from datetime import UTC, datetime


def now() -> str:
    """Return the time as conditions have it: RFC 3339, UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
