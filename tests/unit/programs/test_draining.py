"""A drain that a program runs: each step after the other, by the confirmation of an engine."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest

from exalb.announcement.drain import DrainPolicy
from exalb.announcement.drain_news import DrainNews
from exalb.announcement.planner import NodePlan, RoutePlanner
from exalb.announcement.returning import NO_RETURN, Depreference, Means, ReturnPolicy
from exalb.api.speaker import DrainCause, DrainReport, DrainState
from exalb.kube.manifests import snapshot_of
from exalb.model.local_node import DataPlane, LocalNode
from exalb.programs.draining import LEAVE_SECONDS, Drainer, utc_now
from exalb.report.drain import drain_message
from exalb.validation.rules import validate
from exalb_bgp.memory import MemoryDriver
from exalb_bgp.rib import GRACEFUL_SHUTDOWN, Attributes
from exalb_bgp.speaker import Speaker
from tests.support import objects

QUICK = DrainPolicy(deprefer_seconds=0.01, returning=ReturnPolicy(0.01))
SLOW = DrainPolicy(deprefer_seconds=3600, returning=ReturnPolicy(3600))
REST = (
    *(objects.pool("main", "198.51.100.0/24"), objects.peer(), objects.assigned_service("web", "198.51.100.7")),
    *(objects.endpoints(), objects.node("n2", "10.0.0.2")),
)
TIMEOUT = 30.0


class RecordingDriver(MemoryDriver):
    """Remembers every goal; it confirms nothing while `confirming` is cleared."""

    def __init__(self) -> None:
        super().__init__()
        self.goals: list[Speaker] = []
        self.confirming = asyncio.Event()
        self.confirming.set()

    def apply(self, desired: Speaker) -> None:
        """Take the goal."""
        self.goals.append(desired)
        super().apply(desired)

    async def settled(self) -> None:
        """Wait for the confirmation."""
        await self.confirming.wait()
        await super().settled()


@dataclass
class Rig:
    """One node with its drain."""

    policy: DrainPolicy
    driver: RecordingDriver = field(default_factory=RecordingDriver)
    marks: dict[str, Any] = field(default_factory=dict)
    plan: NodePlan | None = None
    states: list[DrainState | None] = field(default_factory=list)
    host: LocalNode = field(default_factory=LocalNode)
    now: Callable[[], datetime] = utc_now

    def __post_init__(self) -> None:
        self.due, self.moved, self.ran = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.drainer = Drainer("n1", self.policy, self.driver, self.due.set, self.now)
        self._planner = RoutePlanner("n1")

    def annotate(self, value: str | None) -> None:
        """Set the annotation of the Node, or remove it."""
        self.mark(annotations={"exalb.io/drain": value} if value else {})

    def mark(self, **marks: Any) -> None:
        """Change the Node."""
        self.marks = marks
        self.due.set()

    async def rounds(self) -> None:
        """Run a round whenever one is due."""
        while True:
            await self.due.wait()
            self.due.clear()
            cluster, _ = snapshot_of([*REST, objects.node("n1", "10.0.0.1", **self.marks)], "exalb-system")
            cluster, rules = replace(cluster, host=self.host), validate(cluster)
            self.plan = self.drainer.plan(cluster, rules, self._planner.plan(cluster, rules))
            self.driver.apply(self.plan.speaker)
            self.ran.set()
            state = self.plan.drain.step.state if self.plan.drain else None
            if not self.states or self.states[-1] is not state:
                self.states.append(state)
                self.moved.set()

    async def reach(self, *states: DrainState | None) -> None:
        """Wait until the drain went through these states, from the start."""
        async with asyncio.timeout(TIMEOUT):
            while len(self.states) < len(states):
                await self.moved.wait()
                self.moved.clear()
        assert tuple(self.states) == states

    async def quiet(self) -> None:
        """Wait until the round that is due has run."""
        async with asyncio.timeout(TIMEOUT):
            while self.due.is_set():
                await self.ran.wait()
                self.ran.clear()

    @property
    def announced(self) -> list[Attributes]:
        """The attributes of the route in each goal that has one."""
        return [each for goal in self.driver.goals for rib in goal.ribs.values() for each in rib.values()]

    @property
    def message(self) -> str:
        """The words about the drain in the BGPSpeaker."""
        assert self.plan
        assert self.plan.drain
        return drain_message("n1", self.plan.drain)

    @property
    def communities(self) -> list[str]:
        """The communities of the routes on the wire."""
        return [
            " ".join(map(str, attributes.communities))
            for table in self.driver.tables.values()
            for attributes in table.values()
        ]


@asynccontextmanager
async def running(
    policy: DrainPolicy, report: DrainReport | None = None, value: str | None = None, **rig_has: Any
) -> AsyncIterator[Rig]:
    """Run a drain; `report` is that of the node's last speaker."""
    rig = Rig(policy, **rig_has)
    rig.drainer.resume(report)
    rig.annotate(value)
    tasks = [asyncio.ensure_future(work) for work in (rig.driver.run(), rig.drainer.run(), rig.rounds())]
    try:
        yield rig
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_drain_and_its_undo_go_through_every_step() -> None:
    async with running(QUICK) as rig:
        await rig.reach(None)
        assert rig.communities == [""]
        rig.annotate("true")
        there = (None, DrainState.DEPREFERRED, DrainState.WITHDRAWING, DrainState.WITHDRAWN)
        await rig.reach(*there)
        assert rig.communities == []
        rig.annotate(None)
        await rig.reach(*there, DrainState.RETURNING, None)
        assert rig.communities == [""]
        assert rig.drainer.news == {DrainNews.BEGUN: 1, DrainNews.WITHDRAWN: 1, DrainNews.UNDONE: 1}


async def test_routes_are_depreferred_before_they_are_withdrawn() -> None:
    async with running(SLOW, value="true") as rig:
        await rig.reach(DrainState.DEPREFERRED)
        assert rig.communities == ["65535:0"]


async def test_undo_half_way_brings_the_routes_back() -> None:
    async with running(replace(SLOW, returning=NO_RETURN), value="true") as rig:
        await rig.reach(DrainState.DEPREFERRED)
        rig.annotate(None)
        await rig.reach(DrainState.DEPREFERRED, None)
        assert rig.communities == [""]


async def test_return_goes_through_its_steps() -> None:
    """A round that is late may leave one out; none comes again."""
    steps = (Depreference(Means.PREPEND, 2), Depreference(Means.PREPEND, 1), Depreference(Means.MED, 5))
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    report = DrainReport(state=DrainState.WITHDRAWN, cause=DrainCause.ANNOTATION, since=now)
    async with running(DrainPolicy(returning=ReturnPolicy(0.2, steps, 0.2)), report) as rig:
        await rig.reach(DrainState.RETURNING, None)
        shown = [(each.communities, each.as_path_prepend, each.med) for each in rig.announced]
        order = [((GRACEFUL_SHUTDOWN,), 0, None), ((), 2, None), ((), 1, None), ((), 0, 5), ((), 0, None)]
        places = [order.index(each) for each in shown]
        assert places == sorted(places)
        assert (places[0], places[-1]) == (0, len(order) - 1)
        assert len(set(places)) > 2


async def test_node_waits_for_kube_proxy_before_it_returns() -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    report = DrainReport(state=DrainState.WITHDRAWN, cause=DrainCause.NODE_SHUTDOWN, since=now)
    async with running(SLOW, report, host=LocalNode(data_plane=DataPlane.STARTING)) as rig:
        await rig.reach(DrainState.WITHDRAWN)
        assert "the return begins when kube-proxy is healthy" in rig.message
        rig.host = LocalNode(data_plane=DataPlane.UP)
        rig.due.set()
        await rig.reach(DrainState.WITHDRAWN, DrainState.RETURNING)
        assert rig.message == ""


async def test_step_ends_though_the_clock_is_set_back() -> None:
    """A clock of half the speed is behind whenever a step should be over."""
    began, start = datetime.now(UTC), monotonic()
    report = DrainReport(state=DrainState.WITHDRAWN, cause=DrainCause.ANNOTATION, since="2026-01-05T08:00:00Z")
    policy = DrainPolicy(returning=ReturnPolicy(0.5))
    async with running(policy, report, now=lambda: began + timedelta(seconds=(monotonic() - start) / 2)) as rig:
        await rig.reach(DrainState.RETURNING, None)


async def test_speaker_that_ends_during_a_return_leaves_at_once() -> None:
    """The shutdown was that of the time before: nothing drains the node any longer."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    report = DrainReport(state=DrainState.WITHDRAWN, cause=DrainCause.NODE_SHUTDOWN, since=now)
    async with running(SLOW, report) as rig:
        await rig.reach(DrainState.RETURNING)
        async with asyncio.timeout(LEAVE_SECONDS - 1):
            await rig.drainer.leave()


async def test_drain_is_withdrawn_only_with_the_confirmation() -> None:
    report = DrainReport(state=DrainState.DEPREFERRED, cause=DrainCause.ANNOTATION, since="2026-01-05T08:00:00Z")
    async with running(SLOW, report, "true") as rig:
        rig.driver.confirming.clear()
        await rig.reach(DrainState.WITHDRAWING)
        rig.annotate("true")
        await rig.quiet()
        assert rig.states == [DrainState.WITHDRAWING]
        rig.driver.confirming.set()
        await rig.reach(DrainState.WITHDRAWING, DrainState.WITHDRAWN)


async def test_new_speaker_does_not_announce_again() -> None:
    """Its predecessor had withdrawn the routes."""
    report = DrainReport(state=DrainState.WITHDRAWN, cause=DrainCause.ANNOTATION, since="2026-01-05T08:00:00Z")
    async with running(SLOW, report, "true") as rig:
        await rig.reach(DrainState.WITHDRAWN)
        assert [dict(rib) for goal in rig.driver.goals for rib in goal.ribs.values()] == [{}]
        assert rig.drainer.news == {}


async def test_new_speaker_ends_a_drain_that_was_undone_meanwhile() -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    report = DrainReport(state=DrainState.WITHDRAWN, cause=DrainCause.ANNOTATION, since=now)
    async with running(replace(SLOW, returning=NO_RETURN), report) as rig:
        await rig.reach(None)
        assert rig.communities == [""]


async def test_new_speaker_goes_on_with_a_drain_half_way() -> None:
    """The time that the last speaker spent in the step counts."""
    report = DrainReport(state=DrainState.DEPREFERRED, cause=DrainCause.ANNOTATION, since="2026-01-05T08:00:00Z")
    async with running(SLOW, report, "true") as rig:
        await rig.reach(DrainState.WITHDRAWING, DrainState.WITHDRAWN)


SHUTTING_DOWN = {"status": "False", "reason": "KubeletNotReady", "message": "node is shutting down"}


async def test_speaker_that_ends_with_its_machine_withdraws_everything() -> None:
    """The address has no other node; the time of the present step is not waited for."""
    async with running(SLOW) as rig:
        await rig.reach(None)
        rig.mark(ready=SHUTTING_DOWN)
        await rig.reach(None, DrainState.DEPREFERRED)
        await rig.drainer.leave()
        assert rig.states[-1] is DrainState.WITHDRAWN
        assert rig.communities == []


async def test_shutdown_that_is_seen_just_after_the_signal_withdraws_too() -> None:
    async with running(SLOW) as rig:
        await rig.reach(None)
        leaving = asyncio.ensure_future(rig.drainer.leave())
        rig.mark(ready=SHUTTING_DOWN)
        await leaving
        assert rig.states[-1] is DrainState.WITHDRAWN


@pytest.mark.parametrize("value", [None, "true"])
async def test_speaker_that_ends_alone_leaves_the_routes(value: str | None) -> None:
    """Also in the middle of a drain: the next speaker continues it."""
    async with running(SLOW, value=value) as rig:
        states = (DrainState.DEPREFERRED if value else None,)
        await rig.reach(*states)
        await rig.drainer.leave()
        assert tuple(rig.states) == states
        assert rig.communities == ["65535:0" if value else ""]
