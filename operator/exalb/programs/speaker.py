"""The speaker of one node: plans the routes of the node, announces them by BGP, and reports the result.

It needs no controller. Without the API server it works with the last snapshot; when it ends or is killed, sessions and
routes stay as they are.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from pathlib import Path

import structlog

from exalb.announcement.planner import NodePlan, RoutePlanner
from exalb.announcement.route_changes import RouteCounts, route_changes
from exalb.kube.client import ApiClient, UnavailableError
from exalb.kube.credentials import load_credentials
from exalb.kube.reflector import reflectors
from exalb.kube.store import Store
from exalb.kube.writer import Writer
from exalb.model.cluster import Cluster
from exalb.model.kinds import Program, watched_by
from exalb.node.watcher import LocalNodeWatcher
from exalb.programs import speaker_metrics
from exalb.programs.draining import Drainer
from exalb.programs.fast_failure import FastFailure
from exalb.programs.lan import Lan
from exalb.programs.lifecycle import require_supported
from exalb.programs.programmed_endpoints import ProgrammedEndpoints
from exalb.programs.reconcile import reconcile
from exalb.programs.settings import SpeakerSettings
from exalb.report.heartbeats import HEARTBEAT_SECONDS
from exalb.report.speaker import SpeakerReporter, data_plane_before
from exalb.runtime import metrics
from exalb.runtime.backoff import Backoff
from exalb.runtime.clock import now
from exalb.runtime.exposition import Family
from exalb.runtime.telemetry import Telemetry
from exalb.validation.rules import Validator
from exalb_bfd.client import BfdClient
from exalb_bfd.settings import BfdSettings
from exalb_bgp.driver import Driver

log = structlog.get_logger(__name__)

KINDS = watched_by(Program.SPEAKER)
SETTLE_SECONDS = 10.0
"""How long a new speaker waits for its sessions before the first report, so that a restart changes none."""
DEBOUNCE_SECONDS = 0.3
"""Changes within this time make one report."""


class Speaker:
    """One speaker with all it consists of, but the engine, which lives elsewhere."""

    def __init__(self, api: ApiClient, driver: Driver, settings: SpeakerSettings) -> None:
        self._node = node = settings.node_name
        self._driver = driver
        self._store = Store(KINDS, scope=settings.scope)
        only = None if settings.l2_directory else node  # L2 needs the interfaces of the other nodes
        self._reflectors = reflectors(api, self._store, KINDS, namespace=settings.namespace, node=only)
        self._surroundings = LocalNodeWatcher(settings.data_plane, self._store.observe)
        self._endpoints = ProgrammedEndpoints(node, self._store)
        self.telemetry = Telemetry(self._unready, self._metrics)
        self._connections = self.telemetry.counter(metrics.ENGINE_CONNECTIONS)
        propagation = self.telemetry.histogram(metrics.PROPAGATION, speaker_metrics.PROPAGATION_BUCKETS)
        self._propagation = speaker_metrics.Propagation(propagation.observe)
        self._writer = Writer(api, self._store, None, count=self.telemetry.count_write)
        self._validator, self._planner, self._reporter = Validator(), RoutePlanner(node), SpeakerReporter()
        self._drainer = Drainer(node, settings.drain_policy, driver, self._store.changed.set)
        client = BfdClient(BfdSettings(Path(settings.bfd_directory)))
        self._bfd_client, self._bfd = client, FastFailure(client, driver, self._store.changed.set)
        self._news = asyncio.Event()
        """Something changed that a report may contain."""
        self._lan = Lan(node, settings.l2_directory, settings.drain_policy, self._news.set)
        self._planned: tuple[Cluster, NodePlan] | None = None

    async def run(self) -> None:
        """Run until cancelled; on the way out, withdraw the routes if the machine goes down."""
        work = asyncio.create_task(self._work())
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            await self._drainer.leave()
            raise
        finally:
            work.cancel()
            await asyncio.wait([work])

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for reflector in self._reflectors.values():
                tasks.create_task(reflector.run())
            tasks.create_task(self._driver.run())
            tasks.create_task(self._bfd_client.run())
            tasks.create_task(self._bfd.run())
            tasks.create_task(self._lan.run())
            tasks.create_task(self._listen())
            tasks.create_task(self._report())
            tasks.create_task(self._decide())

    async def _decide(self) -> None:
        """Plan and drive, once the state of the node is known: a restart must not withdraw routes."""
        await self._store.synced.wait()
        report = self._store.snapshot().speakers.get(self._node)
        self._drainer.resume(report.observed.drain if report else None)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._surroundings.run(data_plane_before(report)))
            await self._surroundings.known.wait()
            await self._endpoints.begin(self._store.snapshot())
            tasks.create_task(self._endpoints.run())
            tasks.create_task(self._drainer.run())
            await reconcile(self._store, self._round, self.telemetry.observe_round)

    async def _round(self, cluster: Cluster) -> None:
        begun, cluster = self._store.changed.since, self._endpoints.follow(cluster)
        rules = self._validator.validate(cluster)
        plan = await self._bfd.plan(self._drainer.plan(cluster, rules, self._planner.plan(cluster, rules)))
        self._driver.apply(plan.speaker)
        self._lan.plan(cluster, rules)
        before, self._planned = self._planned and self._planned[1], (cluster, plan)
        self._propagation.planned(before, plan, self._driver.status(), begun)
        log_routes(before, plan)
        self._news.set()

    async def _listen(self) -> None:
        was_connected = False
        while True:
            await self._driver.changed()
            status = self._driver.status()
            if status.connected and not was_connected:
                self._connections.inc()
            was_connected = status.connected
            self._propagation.seen(status, time.monotonic())
            self._news.set()

    async def _report(self) -> None:
        """Report the sessions, in a task of its own: routes never wait for a report."""
        await self._news.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                await self._driver.settled()
        backoff = Backoff(first=0.5, limit=15.0)
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_SECONDS / 4):
                    await self._news.wait()
            await asyncio.sleep(DEBOUNCE_SECONDS)
            self._news.clear()
            if self._planned:
                try:
                    status, bfd, l2 = self._driver.status(), self._bfd.status, self._lan.status
                    await self._writer.apply(self._reporter.changes(*self._planned, status, now(), bfd, l2=l2))
                    backoff.reset()
                except UnavailableError as error:
                    log.debug("report_deferred", error=str(error))
                    self._news.set()
                except Exception:  # a mistake in a report must not touch routes
                    log.exception("report_failed")
                    self._news.set()
            await backoff.wait()

    def _unready(self) -> list[str]:
        reasons = [f"not listed yet: {kind}" for kind in sorted(self._store.missing())]
        if not self._surroundings.known.is_set():
            reasons.append("not known yet whether the node forwards traffic")
        return reasons if self._driver.status().connected else [*reasons, "not connected to the BGP engine"]

    def _metrics(self) -> Iterable[Family]:
        status = self._driver.status()
        yield speaker_metrics.engine(status)
        yield metrics.WATCH_AGE.by_label(self._store.ages.seconds())
        if self._planned:
            cluster, plan = self._planned
            yield speaker_metrics.data_plane(cluster.host.data_plane)
            yield from speaker_metrics.drain(plan.drain, self._drainer.news)
            yield from speaker_metrics.sessions(plan, status)
            yield from speaker_metrics.bfd(plan, self._bfd.status)
        yield from speaker_metrics.l2(self._lan.status)


def log_routes(before: NodePlan | None, plan: NodePlan) -> None:
    """Log the routes that the node announces or withdraws from now on, once they are with the engine."""
    for change in route_changes(before, plan):
        where = {"node": plan.node, "peer": change.peer}
        if isinstance(change, RouteCounts):
            log.info("routes_changed", **where, announced=change.announced, withdrawn=change.withdrawn)
            continue
        route = {**where, "prefix": str(change.prefix), "services": list(change.services)}
        if change.announced:
            log.info("route_announced", **route)
        else:
            reason = change.reason and change.reason.value
            log.info("route_withdrawn", **route, reason=reason, message=change.message)


async def run(settings: SpeakerSettings) -> None:
    """Run a speaker until cancelled; raises CannotRunError, CredentialsError, and OSError where it cannot listen."""
    # Imported here, so that nothing but a speaker that drives ExaBGP needs it.
    from exalb_bgp.exabgp.driver.driver import ExaBGPDriver  # noqa: PLC0415
    from exalb_bgp.exabgp.settings import EngineSettings  # noqa: PLC0415

    driver = ExaBGPDriver(EngineSettings(directory=Path(settings.directory)))
    async with ApiClient(load_credentials(settings.kubeconfig)) as api:
        await require_supported(api)
        speaker = Speaker(api, driver, settings)
        async with speaker.telemetry.serve(settings.listen):
            await speaker.run()
