"""The drain and the BFD of a speaker around a driver: the parts of the product, without Kubernetes.

Its plans come from standard input. The cluster has two nodes; `alone` is a Service that only this one can announce.
"""

import asyncio
import sys
from dataclasses import dataclass
from itertools import count

from exalb.announcement.drain import ANNOTATION, DrainPolicy
from exalb.announcement.planner import NodePlan
from exalb.announcement.returning import Depreference, Means, ReturnPolicy
from exalb.api.speaker import DrainReport, DrainState
from exalb.kube.store import Store
from exalb.model.kinds import BY_NAME
from exalb.programs.draining import Drainer
from exalb.programs.fast_failure import FastFailure
from exalb.report.drain import drain_report
from exalb.validation.rules import Validator
from exalb_bfd.client import BfdClient
from exalb_bfd.settings import BfdSettings
from exalb_bgp.exabgp.driver.driver import ExaBGPDriver
from exalb_bgp.exabgp.settings import EngineSettings
from tests.lab.network import Namespace
from tests.support import objects
from tests.support.bgp.frames import Apply, write
from tests.support.engine.programs import serve
from tests.support.engine.rig import Engine

NODE = "n1"
ALONE = "default/alone"
"""The key of the Service that no other node can announce."""
STEPS = Depreference(Means.PREPEND, 2), Depreference(Means.PREPEND, 1)
POLICY = DrainPolicy(deprefer_seconds=0.5, returning=ReturnPolicy(0.5, STEPS, 0.5))


@dataclass(frozen=True, slots=True)
class Wanted:
    """To the speaker: the plan of its node without a drain, the annotation that drains it, and the last report."""

    plan: NodePlan
    annotation: str
    report: DrainReport | None


@dataclass(frozen=True, slots=True)
class Drained:
    """From the speaker: the drain of its node."""

    report: DrainReport | None


class SpeakingEngine(Engine):
    """An engine whose driver is part of a speaker; what that reported outlives it, as a BGPSpeaker does."""

    report: DrainReport | None = None

    def __init__(self, node: Namespace) -> None:
        """Name the parts."""
        super().__init__(node, small=True, program="speak")

    def want(self, plan: NodePlan, annotation: str) -> None:
        """Give the speaker a new plan."""
        self.send(Wanted(plan, annotation, self.report))

    @property
    def drain(self) -> DrainState | None:
        """The state of the drain as it was last reported."""
        return self.report.state if self.report else None

    def take(self, frame: object) -> None:
        """Keep the report."""
        assert isinstance(frame, Drained)
        self.report = frame.report


class Speaker:
    """One speaker, until it is killed."""

    def __init__(self, driver: ExaBGPDriver, bfd: BfdSettings) -> None:
        self._driver, self._round_wanted = driver, asyncio.Event()
        self._store, self._validator, self._versions = Store(BY_NAME.values()), Validator(), count(1)
        self._drainer = Drainer(NODE, POLICY, driver, self._round_wanted.set)
        self._client = BfdClient(bfd)
        self._bfd = FastFailure(self._client, driver, self._round_wanted.set)
        self._plan: NodePlan | None = None
        self._put(objects.assigned_service("alone", "198.51.100.0", externalTrafficPolicy="Local"))
        self._put(objects.node("n2", "10.77.0.99"))

    def take(self, wanted: Wanted | Apply) -> None:
        """Take a new plan, or a goal without any; the first plan comes with the drain to continue."""
        if isinstance(wanted, Apply):
            self._driver.apply(wanted.goal)
            return
        if self._plan is None:
            self._drainer.resume(wanted.report)
        annotations = {ANNOTATION: wanted.annotation} if wanted.annotation else None
        self._put(objects.node(NODE, "10.77.0.11", annotations=annotations))
        self._plan = wanted.plan
        self._round_wanted.set()

    def _put(self, raw: objects.Object) -> None:
        self._store.put(BY_NAME[raw["kind"]], objects.at_version(next(self._versions), raw))

    async def run(self) -> None:
        """Run a round whenever something changed, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._client.run())
            tasks.create_task(self._bfd.run())
            tasks.create_task(self._drainer.run())
            while True:
                await self._round_wanted.wait()
                self._round_wanted.clear()
                if self._plan:
                    await self._round(self._plan)

    async def _round(self, plan: NodePlan) -> None:
        cluster = self._store.snapshot()
        drained = self._drainer.plan(cluster, self._validator.validate(cluster), plan)
        self._driver.apply((await self._bfd.plan(drained)).speaker)
        write(sys.stdout.buffer, Drained(drain_report(NODE, drained.drain)))


async def speak(settings: EngineSettings) -> None:
    """Speak until standard input ends."""
    driver = ExaBGPDriver(settings)
    speaker = Speaker(driver, BfdSettings(settings.directory.parent / "bfd"))
    await serve(driver, speaker.take, speaker.run())
