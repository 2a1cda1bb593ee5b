"""The probes and Prometheus metrics of a program, over HTTP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import cast

from aiohttp import web
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from exalb.runtime import metrics
from exalb.runtime.bounded_server import BoundedServer
from exalb.runtime.metrics import Metric
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
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they would double every counter
        self._unready = unready
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(_Now(current))
        self._rounds = self.histogram(metrics.RECONCILE_DURATION, ROUND_BUCKETS)
        self._failures = self.counter(metrics.RECONCILE_ERRORS)
        self._writes = self.counter(metrics.STATUS_WRITES)

    def counter(self, metric: Metric) -> Counter:
        """Register a counter."""
        return Counter(metric.name, metric.meaning, metric.labels, registry=self.registry)

    def histogram(self, metric: Metric, buckets: Sequence[float]) -> Histogram:
        """Register a histogram."""
        return Histogram(metric.name, metric.meaning, metric.labels, buckets=buckets, registry=self.registry)

    def observe_round(self, seconds: float, failed: bool) -> None:
        """Note how long a round took, and whether an internal error ended it."""
        self._rounds.observe(seconds)
        if failed:
            self._failures.inc()

    def count_write(self, kind: str, outcome: str) -> None:
        """Note how a write of a status ended."""
        self._writes.labels(kind, outcome).inc()

    @contextlib.asynccontextmanager
    async def serve(self, listen: str) -> AsyncIterator[int]:
        """Answer on `listen` (`host:port`; no host is every address, port 0 any) for as long as the context lasts.

        Yields the port. Raises OSError where the address is not available.
        """
        application = web.Application()
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        host, _, port = listen.rpartition(":")
        bounded = BoundedServer(cast("web.Server", runner.server))
        server = await asyncio.get_running_loop().create_server(bounded, host.strip("[]") or None, int(port))
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            bounded.close()
            await runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        reasons = self._unready()
        return web.Response(text="".join(f"{reason}\n" for reason in reasons or ["ok"]), status=503 if reasons else 200)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self.registry), headers={"Content-Type": METRICS_TYPE})


class _Now(Collector):
    def __init__(self, current: Current) -> None:
        self._current = current

    def describe(self) -> Iterable[Family]:
        """Describe nothing in advance: the metrics depend on the moment."""
        return ()

    def collect(self) -> Iterable[Family]:
        """Return the current values."""
        yield metrics.BUILD_INFO.family([((VERSION,), 1.0)])
        yield from self._current()
