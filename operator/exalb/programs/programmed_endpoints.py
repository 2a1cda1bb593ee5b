"""Finds out which endpoints of the speaker's node kube-proxy delivers to; only with externalTrafficPolicy Local.

An EndpointSlice reaches the speaker in milliseconds, and kube-proxy writes its rules at most once a second. A route
that is announced before that leads requests to a node that drops them.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace

import structlog

from exalb.announcement.local_endpoints import LocalEndpoints
from exalb.kube.store import Store
from exalb.model.cluster import Cluster, ServiceFamily
from exalb.model.local_node import DataPlane
from exalb.node.health_ports import PortAnswer, ask_port
from exalb_bgp.rib import Address

log = structlog.get_logger(__name__)

PAUSE, LATER_PAUSE = 0.05, 1.0
"""Seconds between two questions, while kube-proxy may be about to write its rules and afterwards."""
SOON = 3.0
"""Seconds within which a healthy kube-proxy writes its rules, even if it is busy."""
START_SECONDS = 1.0
"""The limit for the answers that a new speaker waits for before its first plan."""
SILENT_SECONDS = 10.0
"""An endpoint counts as known to kube-proxy if nothing has answered for so long."""
AT_ONCE = 32

AskPort = Callable[[Address, int], Awaitable[PortAnswer]]


def is_confirmed(answer: PortAnswer, waited: float, *, answers_are_usual: bool) -> bool:
    """Return whether a route may lead to an endpoint; `waited` is the seconds since the endpoint became ready."""
    if answer is PortAnswer.SILENT:
        return not answers_are_usual or waited >= SILENT_SECONDS
    return answer is PortAnswer.DELIVERS


class ProgrammedEndpoints:
    """Asks about the new endpoints of one node, and gives the answers to the store."""

    def __init__(self, node: str, store: Store, ask: AskPort = ask_port) -> None:
        self._node, self._store, self._ask = node, store, ask
        self._local = LocalEndpoints(node)
        self._pending: dict[ServiceFamily, float] = {}
        """The endpoints that are not confirmed yet, with the time at which they became ready."""
        self._cluster = Cluster()
        self._news = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._answers_are_usual = True
        """Whether anything listens on such ports, as far as is known: some replacements of kube-proxy have none."""

    async def begin(self, cluster: Cluster) -> None:
        """Ask about all endpoints before the first plan; withhold only what kube-proxy denies.

        What was announced before the speaker restarted stays announced.
        """
        self.follow(cluster)
        if cluster.host.data_plane is DataPlane.UP:
            answers = await self._ask_all(self._pending, START_SECONDS)
            self._confirm(item for item in list(self._pending) if answers.get(item) is not PortAnswer.DENIES)

    def follow(self, cluster: Cluster) -> Cluster:
        """Take the next snapshot, before it is planned; return it with what is known about its endpoints."""
        self._cluster, now = cluster, time.monotonic()
        changes = self._local.update(cluster)
        for item, port in changes.ports.items():
            self._pending.pop(item, None)
            if port is not None and item not in changes.known:
                self._pending[item] = now
        self._store.set_programmed(
            {item: port if item in changes.known else None for item, port in changes.ports.items()}
        )
        if cluster.host.data_plane in (DataPlane.NOT_MONITORED, DataPlane.PROBE_IGNORED):
            self._confirm(list(self._pending))
        elif self._pending:
            self._news.set()
        return replace(cluster, programmed=self._store.programmed) if changes.ports else cluster

    async def run(self) -> None:
        """Ask until cancelled; without new endpoints there is nothing to do."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._pending and self._cluster.host.data_plane is DataPlane.UP:
                await self._ask_pending()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pause()):
                        await self._news.wait()
                self._news.clear()

    async def _ask_pending(self) -> None:
        answers, now = await self._ask_all(self._pending, SILENT_SECONDS), time.monotonic()
        if any(answer is not PortAnswer.SILENT for answer in answers.values()):
            self._answers_are_usual = True
        usual = self._answers_are_usual
        confirmed = [
            item
            for item, answer in answers.items()
            if is_confirmed(answer, now - self._pending.get(item, now), answers_are_usual=usual)
        ]
        silent = [item for item in confirmed if answers[item] is PortAnswer.SILENT]
        if silent and usual:
            self._answers_are_usual = False
            log.warning("health_check_port_silent", service=str(silent[0][0]), port=self._local.ports.get(silent[0]))
        self._confirm(confirmed)

    async def _ask_all(self, items: Iterable[ServiceFamily], seconds: float) -> Mapping[ServiceFamily, PortAnswer]:
        """Ask about all of these; return the answers that came in this time."""
        answers: dict[ServiceFamily, PortAnswer] = {}

        async def ask(item: ServiceFamily) -> None:
            node, port = self._cluster.nodes.get(self._node), self._local.ports.get(item)
            address = node.address_of(item[1]) if node else None
            if address is None or port is None:
                answers[item] = PortAnswer.SILENT
                return
            async with self._slots:
                answers[item] = await self._ask(address, port)

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*map(ask, list(items)))
        return answers

    def _confirm(self, items: Iterable[ServiceFamily]) -> None:
        known = [item for item in items if self._pending.pop(item, None) is not None]
        if known:
            self._store.set_programmed({item: self._local.ports[item] for item in known})

    def _pause(self) -> float:
        latest = max(self._pending.values(), default=0.0)
        return PAUSE if time.monotonic() - latest < SOON else LATER_PAUSE
