"""What a running program shows of itself: probes and Prometheus metrics over HTTP."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ROUND_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""

Gauges = Callable[[], Iterable[GaugeMetricFamily]]


class Telemetry:
    """The metrics of one program, and what makes it ready.

    `unready` returns why the program cannot do its work yet, as sentences; nothing means that it can.
    `gauges` returns what is true now; it is asked at each scrape, so that nothing has to be kept up to date.
    """

    def __init__(self, unready: Callable[[], list[str]], gauges: Gauges) -> None:
        self._unready = unready
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(_Now(gauges))
        self._rounds = Histogram(
            "exalb_round_seconds", "Time of one round of the loop", buckets=ROUND_BUCKETS, registry=self.registry
        )
        self._writes = Counter(
            "exalb_status_writes_total", "Writes of a status", ["kind", "outcome"], registry=self.registry
        )

    def observe_round(self, seconds: float) -> None:
        """Note how long a round took."""
        self._rounds.observe(seconds)

    def count_write(self, kind: str, outcome: str) -> None:
        """Note how a write of a status ended."""
        self._writes.labels(kind, outcome).inc()

    @contextlib.asynccontextmanager
    async def serve(self, listen: str) -> AsyncIterator[int]:
        """Answer on `listen` (`host:port`; no host is every address, port 0 any) for as long as the context lasts.

        Yields the port. Raises OSError where the address cannot be had.
        """
        application = web.Application()
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            host, _, port = listen.rpartition(":")
            await web.TCPSite(runner, host.strip("[]") or None, int(port)).start()
            yield int(runner.addresses[0][1])
        finally:
            await runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        reasons = self._unready()
        return web.Response(text="".join(f"{reason}\n" for reason in reasons or ["ok"]), status=503 if reasons else 200)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self.registry), headers={"Content-Type": METRICS_TYPE})


class _Now(Collector):
    def __init__(self, gauges: Gauges) -> None:
        self._gauges = gauges

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Name nothing in advance: what there is may depend on the moment."""
        return ()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return what is true now."""
        return self._gauges()


def gauge(
    name: str, meaning: str, labels: tuple[str, ...], samples: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    """Return one metric with its samples: label values and value."""
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
