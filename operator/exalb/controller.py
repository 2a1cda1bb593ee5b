"""The controller: gives addresses to Services and tells of the state of pools, peers and advertisements.

Several may run; one leads, and the others keep their picture of the cluster warm.
"""

import asyncio
import socket
import uuid
from collections.abc import Iterable

import structlog
from prometheus_client.core import GaugeMetricFamily

from exalb.allocation import Allocation, Allocator
from exalb.apiserver import ApiError, ApiServer
from exalb.backoff import Backoff
from exalb.clock import now
from exalb.cluster import Cluster
from exalb.credentials import Credentials, load_credentials
from exalb.election import Election
from exalb.events import EventPoster
from exalb.kinds import ADVERTISEMENT, COMMUNITY, NAMESPACE, NODE, PEER, POOL, SECRET, SERVICE, SERVICE_CIDR, SPEAKER
from exalb.loop import reconcile
from exalb.reflector import Reflector
from exalb.report import ControllerReporter
from exalb.settings import ControllerSettings
from exalb.store import Store
from exalb.telemetry import Telemetry, gauge
from exalb.watch import KopfFeed
from exalb.writer import Writer
from exalb.writes import Changes

log = structlog.get_logger(__name__)

NAME = "exalb.io/controller"
LEASE_NAME = "exalb-controller"
KINDS = (SERVICE, NODE, NAMESPACE, SERVICE_CIDR, SECRET, POOL, PEER, ADVERTISEMENT, COMMUNITY, SPEAKER)


class Controller:
    """One controller with all it consists of."""

    def __init__(self, api: ApiServer, credentials: Credentials, settings: ControllerSettings) -> None:
        self._identity = f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"
        self._store = Store(KINDS, require_class=settings.require_class)
        self._services = Reflector(api, self._store, SERVICE)
        self._reflectors = [
            self._services,
            *(Reflector(api, self._store, kind) for kind in (NODE, NAMESPACE, SERVICE_CIDR, SPEAKER)),
            Reflector(api, self._store, SECRET, namespace=settings.namespace),
        ]
        self._feed = KopfFeed(api, credentials, self._store)
        self._election = Election(api, settings.namespace, LEASE_NAME, self._identity)
        self._events = EventPoster(api, NAME, self._identity)
        self.telemetry = Telemetry(self._unready, self._gauges)
        self._writer = Writer(
            api, self._store, self._events, may_write=self._election.may_write, count=self.telemetry.count_write
        )
        self._allocator, self._reporter = Allocator(), ControllerReporter()
        self._allocation: Allocation | None = None

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for reflector in self._reflectors:
                tasks.create_task(reflector.run())
            tasks.create_task(self._feed.run())
            tasks.create_task(self._events.run())
            tasks.create_task(self._stand())

    async def _stand(self) -> None:
        """Stand for election, once we see everything: who does not could hold the Lease and do nothing with it."""
        await self._store.synced.wait()
        await self._election.run(self._lead)

    async def _lead(self) -> None:
        """Decide and write, as long as this controller leads."""
        await self._see_what_the_last_leader_did()
        self._allocator, self._reporter = Allocator(), ControllerReporter()
        try:
            await reconcile(self._store, self._round, self.telemetry.observe_round)
        finally:
            self._allocation = None
            await self._writer.drain()

    async def _see_what_the_last_leader_did(self) -> None:
        """List the Services afresh: their status is the ledger, and the watch may lag behind it."""
        backoff = Backoff(first=0.1, limit=5.0)
        while True:
            try:
                await self._services.refresh()
            except ApiError as error:
                log.warning("the Services cannot be listed", why=str(error))
                await backoff.wait()
            else:
                return

    async def _round(self, cluster: Cluster) -> None:
        """Decide in a thread, so that the Lease is renewed meanwhile however long that takes; then write."""
        self._allocation, changes = await asyncio.to_thread(_decide, self._allocator, self._reporter, cluster)
        await self._writer.carry_out(changes)

    def _unready(self) -> list[str]:
        return [f"not listed yet: {kind}" for kind in sorted(self._store.missing())]

    def _gauges(self) -> Iterable[GaugeMetricFamily]:
        yield gauge("exalb_leading", "Whether this controller leads", (), [((), float(self._election.leading))])
        use = self._allocation.use if self._allocation else {}
        rows = [((pool, family.value), one) for (pool, family), one in use.items()]
        labels = ("pool", "family")
        capacity = [(values, float(one.capacity)) for values, one in rows]
        yield gauge("exalb_pool_capacity", "Addresses of the pool", labels, capacity)
        assigned = [(values, float(one.assigned)) for values, one in rows]
        yield gauge("exalb_pool_assigned", "Addresses of the pool that Services have", labels, assigned)


def _decide(allocator: Allocator, reporter: ControllerReporter, cluster: Cluster) -> tuple[Allocation, Changes]:
    allocation = allocator.allocate(cluster)
    return allocation, reporter.changes(cluster, allocation, now())


async def run(settings: ControllerSettings) -> None:
    """Run a controller until cancelled; raises CredentialsError, and OSError where it cannot listen."""
    credentials = load_credentials(settings.kubeconfig)
    async with ApiServer(credentials) as api:
        controller = Controller(api, credentials, settings)
        async with controller.telemetry.serve(settings.listen):
            await controller.run()
