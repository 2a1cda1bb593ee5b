"""Follows the L2 process of a node: gives it the addresses that the node may announce, and logs conflicts."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from exalb.announcement.drain import DrainPolicy
from exalb.announcement.l2 import L2Planner
from exalb.announcement.l2_goal import goal_of
from exalb.model.cluster import Cluster
from exalb.validation.rules import Rules
from exalb_l2.client import L2Client
from exalb_l2.goal import L2Status
from exalb_l2.settings import L2Settings

log = structlog.get_logger(__name__)


class Lan:
    """The L2 of one node; without a directory it is off, and does nothing."""

    def __init__(self, node: str, directory: str, policy: DrainPolicy, report: Callable[[], None]) -> None:
        self._node, self._report = node, report
        self._client = L2Client(L2Settings(Path(directory))) if directory else None
        self._planner = L2Planner(policy)

    @property
    def status(self) -> L2Status | None:
        """The status of the L2 process; None where L2 is off."""
        return self._client.status() if self._client else None

    def plan(self, cluster: Cluster, rules: Rules) -> None:
        """Give the L2 process the addresses of this snapshot."""
        if self._client:
            self._client.apply(goal_of(self._planner.plan(cluster, rules), cluster, self._node))

    async def run(self) -> None:
        """Follow the process until cancelled."""
        if self._client is None:
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._client.run())
            tasks.create_task(self._follow(self._client))

    async def _follow(self, client: L2Client) -> None:
        before = client.status()
        while True:
            await client.changed()
            after = client.status()
            for address, problem in after.problems.items():
                if before.problems.get(address) != problem:
                    node = problem.node or None
                    log.warning("l2_address_conflict", address=str(address), mac=problem.mac, node=node)
            before = after
            self._report()
