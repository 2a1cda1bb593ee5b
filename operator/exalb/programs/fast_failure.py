"""Follows the node's BFD sessions: ends BGP sessions whose BFD session failed, and starts a round after each change."""

from collections.abc import Callable

import structlog

from exalb.announcement.bfd import bfd_peers, failures, has_strict, without_waiting
from exalb.announcement.planner import NodePlan
from exalb_bfd.client import BfdClient
from exalb_bfd.peers import BfdStatus
from exalb_bgp.driver import Driver

log = structlog.get_logger(__name__)

KNOWN_SECONDS = 10.0
"""A speaker that starts must not close the session of a strict peer, so it waits so long for the BFD process."""


class FastFailure:
    """The BFD of one node; `start_round` makes the speaker call `plan` again."""

    def __init__(self, client: BfdClient, driver: Driver, start_round: Callable[[], None]) -> None:
        self._client, self._driver, self._start_round = client, driver, start_round
        self._waited = False

    @property
    def status(self) -> BfdStatus:
        """The status of the sessions."""
        return self._client.status()

    async def plan(self, plan: NodePlan) -> NodePlan:
        """Ask for the BFD sessions of `plan`, and return it without the BGP sessions that wait for them."""
        self._client.apply(bfd_peers(plan))
        if not self._waited and has_strict(plan):
            await self._client.known(KNOWN_SECONDS)
        self._waited = True
        return without_waiting(plan, self.status)

    async def run(self) -> None:
        """Follow the sessions until cancelled."""
        before = self.status
        while True:
            await self._client.changed()
            after = self.status
            for peer, reason in failures(before, after).items():
                log.warning("bfd_failed", peer=peer, reason=reason, remedy="the BGP session is closed")
                self._driver.bfd_failed(peer, reason)
            if after != before:
                self._start_round()
            before = after
