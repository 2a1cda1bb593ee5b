"""Keeps the step of a node's drain: waits for time and for ExaBGP's confirmation, then starts the next round."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from exalb.announcement.drain import DrainPolicy, DrainStep, drain_request, due_at, next_step, step_of
from exalb.announcement.drain_news import DrainNews, DrainProgress, drain_news, reported_progress
from exalb.announcement.drained_plan import DrainPlanner
from exalb.announcement.planner import NodeDrain, NodePlan
from exalb.api.speaker import DrainCause, DrainReport, DrainState
from exalb.model.cluster import Cluster
from exalb.model.local_node import DataPlane
from exalb.validation.rules import Rules
from exalb_bgp.driver import Driver

log = structlog.get_logger(__name__)

WATCH_SECONDS = 0.1
"""How much later than a signal the watch may report that the machine goes down."""
AGAIN_SECONDS = 1.0
"""A round that is later than the end of a step ends it, unless the clock was set back meanwhile."""
LEAVE_SECONDS = 4.0
"""In this time the routes are withdrawn, or never."""
FOLLOW_SECONDS = 0.5
"""A router needs some of this to send packets elsewhere: FRR holds an UPDATE back for 0.06 s."""


def utc_now() -> datetime:
    """Return the time by the clock of the machine."""
    return datetime.now(UTC)


class Drainer:
    """The drain of one node; `start_round` makes the speaker call `plan` again."""

    def __init__(
        self,
        node: str,
        policy: DrainPolicy,
        driver: Driver,
        start_round: Callable[[], None],
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._node, self._policy, self._driver, self._start_round = node, policy, driver, start_round
        self._now = now
        self._planner = DrainPlanner(node, policy)
        self._step: DrainStep | None = None
        self._confirmed = False
        self._requested = False
        self._progress: DrainProgress | None = None
        self.news: Counter[DrainNews] = Counter()
        """The news of all drains since the program began."""
        self._moved = asyncio.Event()
        """The step changed, for `run`."""
        self._stepped = asyncio.Event()
        """The same, for `leave`."""

    def resume(self, report: DrainReport | None) -> None:
        """Continue with the step that the last speaker of the node reported."""
        self._step, self._progress = step_of(report), reported_progress(report)
        self._moved.set()

    async def leave(self) -> None:
        """Where the machine goes down, withdraw all routes now, and return when routers have had time to follow.

        Otherwise return soon: graceful restart keeps the routes for the speaker and the engine that follow.
        """
        await asyncio.sleep(WATCH_SECONDS)
        if self._step is None or self._step.cause is not DrainCause.NODE_SHUTDOWN or not self._requested:
            return
        self._policy = replace(self._policy, deprefer_seconds=0.0)
        self._start_round()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                while self._step and self._step.state is not DrainState.WITHDRAWN:
                    self._stepped.clear()
                    await self._stepped.wait()
                await asyncio.sleep(FOLLOW_SECONDS)

    def plan(self, cluster: Cluster, rules: Rules, plan: NodePlan) -> NodePlan:
        """Return the node's plan as its drain wants it; the caller applies it before anything else runs."""
        node = cluster.nodes.get(self._node)
        request = drain_request(node, self._policy) if node else None
        before, self._requested = self._step, request is not None
        forwards = cluster.host.data_plane not in (DataPlane.STARTING, DataPlane.DOWN)
        step = self._step = next_step(
            before, request, self._policy, self._now(), confirmed=self._confirmed, forwards=forwards
        )
        drained = self._planner.plan(cluster, rules, plan, step, request)
        before_this, self._progress = self._progress, _progress(drained.drain)
        self.news.update(drain_news(before_this, self._progress))
        if step != before:
            self._confirmed = False
            self._moved.set()
            self._stepped.set()
            self._log(before, drained)
        return drained

    def _log(self, before: DrainStep | None, plan: NodePlan) -> None:
        drain = plan.drain
        if drain is None:
            log.info("drain_ended", node=self._node)
        elif before is None or before.state is not drain.step.state:
            state, cause = drain.step.state.value, drain.step.cause.value
            log.info("drain_step", node=self._node, state=state, cause=cause, held=len(drain.held))
        elif part := drain.step.returning:
            log.info("return_step", node=self._node, step=part.number, steps=part.steps, announced=str(part.how))

    async def run(self) -> None:
        """Start a round whenever a step is over, until cancelled."""
        while True:
            self._moved.clear()
            finishing = asyncio.create_task(self._finish(self._step))
            try:
                await self._moved.wait()
            finally:
                finishing.cancel()
                await asyncio.wait([finishing])

    async def _finish(self, step: DrainStep | None) -> None:
        """Start a round when a step is over, and again each second while the clock says that it is not: it was set."""
        if step is None or step.state is DrainState.WITHDRAWN:
            return
        if step.state is not DrainState.RETURNING:
            latest = due_at(step, self._policy, confirmed=False)
            with contextlib.suppress(TimeoutError):
                # Not wait_for: in Python 3.11 that may lose a cancellation.
                async with asyncio.timeout(self._seconds_until(latest) if latest else None):
                    await self._driver.settled()
                self._confirmed = True
        due = due_at(step, self._policy, confirmed=self._confirmed)
        await asyncio.sleep(self._seconds_until(due) if due else 0.0)
        self._start_round()
        while due:
            await asyncio.sleep(max(AGAIN_SECONDS, self._seconds_until(due)))
            self._start_round()

    def _seconds_until(self, moment: datetime) -> float:
        return max(0.0, (moment - self._now()).total_seconds())


def _progress(drain: NodeDrain | None) -> DrainProgress | None:
    return DrainProgress(drain.step.state, len(drain.held)) if drain else None
