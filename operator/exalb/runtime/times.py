"""Times as Kubernetes writes them (RFC 3339, UTC)."""

from datetime import UTC, datetime


def time_text(moment: datetime) -> str:
    """Return a Time (meta/v1): whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_time_text(moment: datetime) -> str:
    """Return a MicroTime (meta/v1): microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
