"""The speaker of one node: plans the node's routes, has them told by BGP, and reports how that went.

It asks nothing of the controller. With the API server away it goes on with the last picture; when it ends or is killed,
sessions and routes stay as they are.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path

import structlog
from prometheus_client.core import GaugeMetricFamily

from exalb.apiserver import ApiServer, UnavailableError
from exalb.backoff import Backoff
from exalb.clock import now
from exalb.cluster import Cluster
from exalb.credentials import load_credentials
from exalb.events import EventPoster
from exalb.kinds import (
    ADVERTISEMENT,
    COMMUNITY,
    ENDPOINT_SLICE,
    HELD_SERVICE,
    NODE,
    PEER,
    POOL,
    SECRET,
    SERVICE_CIDR,
    SPEAKER,
)
from exalb.loop import reconcile
from exalb.reflector import Reflector
from exalb.report import data_plane_before, speaker_changes
from exalb.routes import NodePlan, RoutePlanner
from exalb.settings import SpeakerSettings
from exalb.store import Store
from exalb.surroundings import Surroundings
from exalb.telemetry import Telemetry, gauge
from exalb.writer import Writer
from exalb_bgp.driver import Driver
from exalb_bgp.session import State

log = structlog.get_logger(__name__)

NAME = "exalb.io/speaker"
KINDS = (HELD_SERVICE, ENDPOINT_SLICE, NODE, SERVICE_CIDR, SECRET, POOL, PEER, ADVERTISEMENT, COMMUNITY, SPEAKER)
SETTLE_SECONDS = 10.0
"""How long a new speaker waits for its sessions before the first report, so that a restart changes none."""
CALM_SECONDS = 0.3
"""Changes within this time make one report."""


class Speaker:
    """One speaker with all it consists of, but the engine, which lives elsewhere."""

    def __init__(self, api: ApiServer, driver: Driver, settings: SpeakerSettings) -> None:
        self._node = node = settings.node_name
        self._driver = driver
        self._store = Store(KINDS, require_class=settings.require_class)
        self._reflectors = [
            # No address belongs to another type of Service.
            Reflector(api, self._store, HELD_SERVICE, query={"fieldSelector": "spec.type=LoadBalancer"}),
            *(Reflector(api, self._store, kind) for kind in (ENDPOINT_SLICE, NODE, SERVICE_CIDR)),
            Reflector(api, self._store, SECRET, namespace=settings.namespace),
            *(Reflector(api, self._store, kind) for kind in (POOL, PEER, ADVERTISEMENT, COMMUNITY)),
            Reflector(api, self._store, SPEAKER, query={"fieldSelector": f"metadata.name={node}"}),
        ]
        self._surroundings = Surroundings(settings.data_plane, self._store.observe)
        self._events = EventPoster(api, NAME, node)
        self.telemetry = Telemetry(self._unready, self._gauges)
        self._writer = Writer(api, self._store, self._events, count=self.telemetry.count_write)
        self._planner = RoutePlanner(node)
        self._planned: tuple[Cluster, NodePlan] | None = None
        self._news = asyncio.Event()
        """Something is new that a report may tell."""

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for reflector in self._reflectors:
                tasks.create_task(reflector.run())
            tasks.create_task(self._events.run())
            tasks.create_task(self._driver.run())
            tasks.create_task(self._listen())
            tasks.create_task(self._report())
            tasks.create_task(self._decide())

    async def _decide(self) -> None:
        """Plan and drive, once it can be said what the node is like: a restart must not take back what is told."""
        await self._store.synced.wait()
        before = data_plane_before(self._store.snapshot().speakers.get(self._node))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._surroundings.run(before))
            await self._surroundings.known.wait()
            await reconcile(self._store, self._round, self.telemetry.observe_round)

    async def _round(self, cluster: Cluster) -> None:
        plan = self._planner.plan(cluster)
        self._driver.apply(plan.speaker)
        self._planned = cluster, plan
        self._news.set()

    async def _listen(self) -> None:
        while True:
            await self._driver.changed()
            self._news.set()

    async def _report(self) -> None:
        """Tell of the sessions, beside the routes, which never wait for it."""
        await self._news.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._driver.settled(), SETTLE_SECONDS)
        backoff = Backoff(first=0.5, limit=15.0)
        while True:
            await self._news.wait()
            await asyncio.sleep(CALM_SECONDS)
            self._news.clear()
            if self._planned:
                try:
                    await self._writer.carry_out(speaker_changes(*self._planned, self._driver.status(), now()))
                    backoff.reset()
                except UnavailableError as error:
                    log.warning("the report is not written", why=str(error))
                    self._news.set()
                except Exception:  # a mistake in a report must not touch routes
                    log.exception("the report failed; trying again")
                    self._news.set()
            await backoff.wait()

    def _unready(self) -> list[str]:
        reasons = [f"not listed yet: {kind}" for kind in sorted(self._store.missing())]
        if not self._surroundings.known.is_set():
            reasons.append("not known yet whether the node forwards traffic")
        return reasons if self._driver.status().connected else [*reasons, "not connected to the BGP engine"]

    def _gauges(self) -> Iterable[GaugeMetricFamily]:
        status = self._driver.status()
        yield gauge("exalb_engine_connected", "Whether the BGP engine answers", (), [((), float(status.connected))])
        rows = [((peer,), session) for peer, session in status.sessions.items()]
        established = [(values, float(one.state is State.ESTABLISHED)) for values, one in rows]
        yield gauge("exalb_bgp_session_established", "Whether the session is Established", ("peer",), established)
        wanted = [(values, float(one.wanted)) for values, one in rows]
        yield gauge("exalb_bgp_prefixes_wanted", "Prefixes that the peer shall hold", ("peer",), wanted)
        sent = [(values, float(one.sent)) for values, one in rows]
        yield gauge("exalb_bgp_prefixes_sent", "Prefixes written to the peer", ("peer",), sent)


async def run(settings: SpeakerSettings) -> None:
    """Run a speaker until cancelled; raises CredentialsError, and OSError where it cannot listen."""
    # Imported here, so that nothing but a speaker that drives ExaBGP needs it.
    from exalb_bgp.exabgp.driver import ExaBGPDriver  # noqa: PLC0415
    from exalb_bgp.exabgp.settings import EngineSettings  # noqa: PLC0415

    driver = ExaBGPDriver(EngineSettings(directory=Path(settings.directory)))
    async with ApiServer(load_credentials(settings.kubeconfig)) as api:
        speaker = Speaker(api, driver, settings)
        async with speaker.telemetry.serve(settings.listen):
            await speaker.run()
