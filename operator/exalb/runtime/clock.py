"""The time of day, for callers of pure functions, and the time since the machine started."""

import time
from datetime import UTC, datetime

from exalb.runtime.times import time_text


def now() -> str:
    """Return the time in the format of conditions: RFC 3339, UTC, whole seconds."""
    return time_text(datetime.now(UTC))


def seconds_since_boot() -> float:
    """Return seconds that never go back, and go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
