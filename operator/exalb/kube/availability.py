"""Notes whether the API server answers: one log line when it stopped answering, and one when it answers again."""

import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

OUTAGE_SECONDS = 3.0
"""Failures that last shorter than this are retried without a line in the log."""


class Availability:
    """The API server as its client sees it; every retry that fails within one outage is silent."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failing_since: float | None = None
        self._is_reported = False

    def failed(self, error: str) -> None:
        """Note a request without an answer."""
        now = self._clock()
        if self._failing_since is None:
            self._failing_since = now
        if not self._is_reported and now - self._failing_since >= OUTAGE_SECONDS:
            self._is_reported = True
            log.warning("api_server_unreachable", seconds=round(now - self._failing_since, 1), error=error)

    def answered(self) -> None:
        """Note an answer."""
        if self._is_reported and self._failing_since is not None:
            log.info("api_server_reachable", seconds=round(self._clock() - self._failing_since, 1))
        self._failing_since, self._is_reported = None, False
