"""Finds out which endpoints of the speaker's node kube-proxy has programmed; only with externalTrafficPolicy Local.

An EndpointSlice reaches the speaker in milliseconds, and kube-proxy writes its rules at most once a second. A route
that is announced before that leads requests to a node that drops them.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address

import structlog

from exalb.announcement.local_endpoints import Changes, LocalEndpoints
from exalb.kube.store import Store
from exalb.model.cluster import Cluster, ServiceFamily
from exalb.model.local_node import DataPlane
from exalb.node.health_ports import PortAnswer, ask_port
from exalb_bgp.rib import Address
from exalb_bgp.session import Family

log = structlog.get_logger(__name__)

PAUSE, LATER_PAUSE = 0.05, 1.0
"""Seconds between two questions, while kube-proxy may be about to write its rules and afterwards."""
SOON = 3.0
"""Seconds within which a healthy kube-proxy writes its rules, even if it is busy."""
SWEEP_SECONDS = 1.0
"""The limit for the answers to the questions that are due, and for those before the first plan of a new speaker."""
SILENT_SECONDS, DENIED_SECONDS = 10.0, 30.0
"""An endpoint counts as programmed after so long, if nothing answers or kube-proxy denies it."""
AT_ONCE = 32
"""Questions at one time."""
LOOPBACK: Mapping[Family, Address] = {Family.IPV4: IPv4Address("127.0.0.1"), Family.IPV6: IPv6Address("::1")}

AskPort = Callable[[Address, int], Awaitable[PortAnswer]]


@dataclass(slots=True, eq=False)
class _Question:
    """A port to ask about an endpoint."""

    port: int
    since: float
    due: float
    asked: bool = False
    denied: bool = False


def is_enough(answer: PortAnswer, waited: float, *, nothing_answers: bool) -> bool:
    """Return whether a route may lead to an endpoint about which was asked for this number of seconds."""
    match answer:
        case PortAnswer.DELIVERS:
            return True
        case PortAnswer.DENIES:
            return waited >= DENIED_SECONDS
        case PortAnswer.SILENT:
            return nothing_answers or waited >= SILENT_SECONDS


class ProgrammedEndpoints:
    """Asks about the new endpoints of one node, and gives the answers to the store."""

    def __init__(self, node: str, store: Store, ask: AskPort = ask_port) -> None:
        self._node, self._store, self._ask_port = node, store, ask
        self._local = LocalEndpoints(node)
        self._pending: dict[ServiceFamily, _Question] = {}
        self._cluster = Cluster()
        self._news = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._answered = False
        self._nothing_answers = False
        """Whether nothing listens on such ports: some replacements of kube-proxy have none."""

    async def begin(self, cluster: Cluster) -> None:
        """Ask about all endpoints before the first plan; withhold only those that kube-proxy denies.

        Whatever was announced before the speaker restarted stays announced.
        """
        self.follow(cluster)
        if cluster.host.data_plane is DataPlane.UP:
            await self._ask(self._pending)
            self._note_programmed(item for item, question in list(self._pending.items()) if not question.denied)

    def follow(self, cluster: Cluster) -> Cluster:
        """Take the next snapshot, before it is planned; return it with what is known about its endpoints."""
        is_up, was_up = (each.host.data_plane is DataPlane.UP for each in (cluster, self._cluster))
        self._cluster, now, changes = cluster, time.monotonic(), self._local.update(cluster)
        self._take(changes, now)
        if is_up and not was_up:
            self._pending = {item: _Question(old.port, now, now) for item, old in self._pending.items()}
        if cluster.host.data_plane in (DataPlane.NOT_MONITORED, DataPlane.PROBE_IGNORED):
            self._note_programmed(list(self._pending))
        elif self._pending and (changes.ports or is_up is not was_up):
            self._news.set()
        return replace(cluster, programmed=self._store.programmed) if changes.ports else cluster

    async def run(self) -> None:
        """Ask until cancelled; without new endpoints there is nothing to do."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._pending and self._cluster.host.data_plane is DataPlane.UP:
                now = time.monotonic()
                await self._ask(item for item, question in self._pending.items() if question.due <= now)
                await self._wait_due()

    def _take(self, changes: Changes, now: float) -> None:
        before, known = self._store.programmed or {}, dict[ServiceFamily, int | None]()
        for item, port in changes.ports.items():
            old = self._pending.pop(item, None)
            kept = item in changes.had_cluster or (item in changes.had_port and old is None and item in before)
            known[item] = port if kept else None
            if port is not None and not kept:
                self._pending[item] = _Question(port, now, now)
        self._store.set_programmed(known)

    async def _wait_due(self) -> None:
        due = min((question.due for question in self._pending.values()), default=0.0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, due - time.monotonic())):
                await self._news.wait()
        self._news.clear()

    async def _ask(self, items: Iterable[ServiceFamily]) -> None:
        """Ask about all of these, those first that nobody has asked about; take each answer as it comes."""
        questions = sorted(((item, self._pending[item]) for item in items), key=lambda each: each[1].asked)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SWEEP_SECONDS):
                await asyncio.gather(*(self._ask_about(item, question) for item, question in questions))

    async def _ask_about(self, item: ServiceFamily, question: _Question) -> None:
        async with self._slots:
            answer, question.asked = PortAnswer.SILENT, True
            try:
                answer = await self._ask_port(self._address(item[1]), question.port)
            except Exception:  # one fault of ours must not end the program
                log.exception("health_check_port_not_asked", service=str(item[0]), port=question.port)
        now = time.monotonic()
        question.due = now + (PAUSE if now - question.since < SOON else LATER_PAUSE)
        if self._pending.get(item) is question:  # it may be about another port by now
            self._judge(item, question, answer, now - question.since)

    def _address(self, family: Family) -> Address:
        node = self._cluster.nodes.get(self._node)
        own = node.address_of(family) if node else None
        return own or LOOPBACK[family]

    def _judge(self, item: ServiceFamily, question: _Question, answer: PortAnswer, waited: float) -> None:
        if answer is not PortAnswer.SILENT:
            self._answered, self._nothing_answers = True, False
        if answer is PortAnswer.DENIES and not self._is_about(item):
            answer = PortAnswer.SILENT
        question.denied = answer is PortAnswer.DENIES
        if not is_enough(answer, waited, nothing_answers=self._nothing_answers):
            return
        if answer is not PortAnswer.DELIVERS and not self._nothing_answers:
            log.warning("endpoints_not_confirmed", service=str(item[0]), port=question.port, answer=answer.value)
            self._nothing_answers = not self._answered
        self._note_programmed([item])

    def _is_about(self, item: ServiceFamily) -> bool:
        """Return whether a denial is about this family: kube-proxy may answer for the other family of the Service.

        Its two families compete for the port (https://github.com/kubernetes/kubernetes/issues/114702).
        """
        service = self._cluster.services.get(item[0])
        return service is not None and all((item[0], family) in self._local.ports for family in service.families)

    def _note_programmed(self, items: Iterable[ServiceFamily]) -> None:
        found = {item: self._pending.pop(item).port for item in items}
        self._store.set_programmed(found)
        if found and self._cluster.host.data_plane is DataPlane.UP:
            self._store.changed.set()
