"""The probes and Prometheus metrics of a program, over HTTP."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus

from exalb.runtime import metrics
from exalb.runtime.exposition import Counter, Family, Histogram, process_metrics, render
from exalb.runtime.metrics import Metric
from exalb.runtime.page_server import Page, serve_pages
from exalb.runtime.version import VERSION

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ROUND_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""

Current = Callable[[], Iterable[Family]]


class Telemetry:
    """The metrics of one program, and its readiness.

    `unready` returns why the program cannot work yet, as sentences; none means that it can. `current` returns
    the values of the moment; it is called at each scrape, so that no value has to be kept up to date.
    """

    def __init__(self, unready: Callable[[], list[str]], current: Current) -> None:
        self._unready, self._current = unready, current
        self._kept: list[Counter | Histogram] = []
        self._rounds = self.histogram(metrics.RECONCILE_DURATION, ROUND_BUCKETS)
        self._failures = self.counter(metrics.RECONCILE_ERRORS)
        self._writes = self.counter(metrics.STATUS_WRITES)

    def counter(self, metric: Metric) -> Counter:
        """Register a counter."""
        counter = Counter(metric.name, metric.meaning, metric.labels)
        self._kept.append(counter)
        return counter

    def histogram(self, metric: Metric, buckets: Sequence[float]) -> Histogram:
        """Register a histogram."""
        histogram = Histogram(metric.name, metric.meaning, buckets)
        self._kept.append(histogram)
        return histogram

    def observe_round(self, seconds: float, failed: bool) -> None:
        """Note how long a round took, and whether an internal error ended it."""
        self._rounds.observe(seconds)
        if failed:
            self._failures.inc()

    def count_write(self, kind: str, outcome: str) -> None:
        """Note how a write of a status ended."""
        self._writes.inc(kind, outcome)

    def serve(self, listen: str) -> AbstractAsyncContextManager[int]:
        """Answer on `listen` (`host:port`; no host is every address, port 0 any) for as long as the context lasts.

        It is entered with the port. Raises OSError where the address is not available.
        """
        pages = {"/healthz": lambda: Page("ok\n"), "/readyz": self._readyz, "/metrics": self._metrics}
        return serve_pages(pages, listen)

    def _readyz(self) -> Page:
        reasons = self._unready()
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        return Page("".join(f"{reason}\n" for reason in reasons or ["ok"]), status)

    def _metrics(self) -> Page:
        return Page(render(self._families()), content_type=METRICS_TYPE)

    def _families(self) -> Iterator[Family]:
        yield from process_metrics()
        yield from (kept.family() for kept in self._kept)
        yield metrics.BUILD_INFO.family([((VERSION,), 1.0)])
        yield from self._current()
