"""The controller: assigns addresses to Services, and reports the state of pools, peers and advertisements.

Several may run; one leads, and the others keep their store up to date.
"""

import asyncio
import socket
import uuid
from collections.abc import Iterable

import structlog

from exalb.allocation.allocator import Allocation, Allocator
from exalb.kube.client import ApiClient, ApiError
from exalb.kube.credentials import Credentials, load_credentials
from exalb.kube.event_recorder import EventRecorder
from exalb.kube.kopf_feed import KopfFeed
from exalb.kube.leader_election import Election
from exalb.kube.reflector import reflectors
from exalb.kube.store import Store
from exalb.kube.writer import Writer
from exalb.model.cluster import Cluster
from exalb.model.kinds import CONFIGURATION, SERVICE, Program, watched_by
from exalb.model.patches import Changes
from exalb.programs import controller_metrics
from exalb.programs.controller_page import serve_page
from exalb.programs.lifecycle import require_supported
from exalb.programs.reconcile import reconcile
from exalb.programs.settings import ControllerSettings
from exalb.report.controller import ControllerReporter
from exalb.report.heartbeats import HeartbeatMonitor
from exalb.runtime import metrics
from exalb.runtime.backoff import Backoff
from exalb.runtime.clock import now, seconds_since_boot
from exalb.runtime.exposition import Family
from exalb.runtime.telemetry import Telemetry
from exalb.validation.rules import Rules, Validator

log = structlog.get_logger(__name__)

NAME = "exalb.io/controller"
LEASE_NAME = "exalb-controller"
MONITOR_SECONDS = 15.0
"""How often the leader looks for speakers that went silent."""
KINDS = watched_by(Program.CONTROLLER)


class Controller:
    """One controller with all it consists of."""

    def __init__(self, api: ApiClient, credentials: Credentials, settings: ControllerSettings) -> None:
        self._identity = f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"
        self.store = Store(KINDS, scope=settings.scope)
        reflected = [kind for kind in KINDS if kind not in CONFIGURATION]
        self._reflectors = reflectors(api, self.store, reflected, namespace=settings.namespace)
        self._feed = KopfFeed(api, credentials, self.store)
        self._election = Election(api, settings.namespace, LEASE_NAME, self._identity)
        self.telemetry = Telemetry(self._unready, self._metrics)
        events = self.telemetry.counter(metrics.EVENTS)
        self._events = EventRecorder(api, NAME, self._identity, count=events.inc)
        self._writer = Writer(
            api, self.store, self._events, may_write=self._election.may_write, count=self.telemetry.count_write
        )
        self._validator, self._allocator, self._reporter = Validator(), Allocator(), ControllerReporter()
        self._heartbeats, self._silent = HeartbeatMonitor(), frozenset[str]()
        self._wake: asyncio.TimerHandle | None = None
        self._decided: tuple[Cluster, Rules, Allocation] | None = None

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for reflector in self._reflectors.values():
                tasks.create_task(reflector.run())
            tasks.create_task(self._feed.run())
            tasks.create_task(self._events.run())
            tasks.create_task(self._run_election())

    async def _run_election(self) -> None:
        """Take part in the election once the store is synced: a leader that is not synced could not act."""
        await self.store.synced.wait()
        await self._election.run(self._lead)

    async def _lead(self) -> None:
        """Decide and write, as long as this controller leads."""
        await self._refresh_services()
        self._allocator, self._reporter = Allocator(), ControllerReporter()
        self._heartbeats, self._silent = HeartbeatMonitor(), frozenset[str]()
        monitor = asyncio.create_task(self._monitor())
        try:
            await reconcile(self.store, self._round, self.telemetry.observe_round)
        finally:
            monitor.cancel()
            self._decided = None
            await self._writer.drain()

    async def _refresh_services(self) -> None:
        """List the Services again: the last leader wrote their status, which is the ledger, and the watch may lag."""
        backoff = Backoff(first=0.1, limit=5.0)
        while True:
            try:
                await self._reflectors[SERVICE].refresh()
            except ApiError as error:
                log.warning("services_not_listed", error=str(error))
                await backoff.wait()
            else:
                return

    async def _monitor(self) -> None:
        """Start a round when a speaker goes silent, which no watch shows."""
        while True:
            await asyncio.sleep(MONITOR_SECONDS)
            silent = self._heartbeats.silent(self.store.snapshot().speakers, seconds_since_boot())
            if silent != self._silent:
                self._silent = silent
                self.store.changed.set()

    async def _round(self, cluster: Cluster) -> None:
        """Decide in a thread, so that the Lease is renewed meanwhile however long that takes; then write."""
        self._decided, changes = await asyncio.to_thread(self._decide, cluster)
        await self._writer.apply(changes)
        self._schedule_round()

    def _schedule_round(self) -> None:
        """Start a round when something is due that no watch shows."""
        if self._wake:
            self._wake.cancel()
        seconds = seconds_since_boot()
        at = self._reporter.next_at(seconds)
        changed = self.store.changed.set
        self._wake = None if at is None else asyncio.get_running_loop().call_later(at - seconds, changed)

    def _decide(self, cluster: Cluster) -> tuple[tuple[Cluster, Rules, Allocation], Changes]:
        rules = self._validator.validate(cluster)
        allocation = self._allocator.allocate(cluster, rules)
        changes = self._reporter.changes(
            cluster, rules, allocation, now(), silent=self._silent, seconds=seconds_since_boot()
        )
        return (cluster, rules, allocation), changes

    def _unready(self) -> list[str]:
        return [f"not listed yet: {kind}" for kind in sorted(self.store.missing())]

    def _metrics(self) -> Iterable[Family]:
        leading = self._election.leading
        yield metrics.LEADER.by_label({LEASE_NAME: leading})
        yield metrics.WATCH_AGE.by_label(self.store.ages.seconds())
        if leading and self._decided:
            yield from controller_metrics.decisions(*self._decided)
            yield metrics.SPEAKERS_SILENT.value(float(len(self._silent)))
            yield metrics.SERVICES_NOT_ANNOUNCED.value(float(self._reporter.not_announced))


async def run(settings: ControllerSettings) -> None:
    """Run a controller until cancelled; raises CannotRunError, CredentialsError, and OSError where it cannot listen."""
    credentials = load_credentials(settings.kubeconfig)
    async with ApiClient(credentials) as api:
        await require_supported(api)
        controller = Controller(api, credentials, settings)
        async with controller.telemetry.serve(settings.listen), serve_page(api, controller.store, settings):
            await controller.run()
