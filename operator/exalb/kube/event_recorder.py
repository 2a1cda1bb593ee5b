"""Posts events of events.k8s.io/v1 in the background: they are for people, and nothing waits for them."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from exalb.kube.client import ApiError, Json, Poster
from exalb.model.patches import EventDraft
from exalb.runtime.fair_queue import FairQueue
from exalb.runtime.rate_limit import TokenBucket

log = structlog.get_logger(__name__)

WAITING = 16_384
"""Events that wait to be posted; more are dropped, of the namespace that has the most."""
IN_FLIGHT = 4
BURST, PER_SECOND = 50, 20
"""Events posted at once after a quiet time, and per second from then on, so that they delay no status."""
LONGEST_NOTE = 1024
"""Bytes of an event's text that the API server takes."""


class EventRecorder:
    """Posts events as `controller`, for instance `exalb.io/speaker`, running as `instance`.

    `count` gets the outcome of each event: posted, failed or dropped.
    """

    def __init__(
        self,
        api: Poster,
        controller: str,
        instance: str,
        *,
        count: Callable[[str], None] = lambda outcome: None,  # noqa: ARG005
    ) -> None:
        self._api, self._controller, self._instance, self._count = api, controller, instance, count
        self._queue = FairQueue[tuple[EventDraft, datetime]](WAITING)
        """By namespace: a crowd in one of them delays the events of no other."""
        self._turns: asyncio.Queue[None] = asyncio.Queue()
        """One for each waiting event."""
        self._allowance = TokenBucket(BURST, PER_SECOND)

    def post(self, note: EventDraft) -> None:
        """Take an event to be posted soon, and log the decision that it is about."""
        name = f"{note.namespace}/{note.name}" if note.namespace else note.name
        decision = {"kind": note.kind, "object": name, "reason": note.reason, "message": note.message}
        if note.type == "Warning":
            log.warning("decision", **decision)
        else:
            log.info("decision", **decision)
        dropped = self._queue.put(note.namespace, (note, datetime.now(UTC)))
        if dropped:
            self._count("dropped")
            log.warning("event_dropped", reason=dropped[0].reason, object=dropped[0].name)
        else:
            self._turns.put_nowait(None)

    async def posted(self) -> None:
        """Wait until every event that was taken is posted, or could not be."""
        await self._turns.join()

    async def run(self) -> None:
        """Post until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(IN_FLIGHT):
                tasks.create_task(self._work())

    async def _work(self) -> None:
        while True:
            await self._turns.get()
            await asyncio.sleep(self._allowance.delay(asyncio.get_running_loop().time()))
            note, moment = self._queue.pop()
            namespace = note.namespace or "default"
            try:
                path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
                await self._api.post(path, self._event(note, namespace, moment))
                self._count("posted")
            except ApiError as error:
                self._count("failed")
                log.warning("event_not_posted", reason=note.reason, object=note.name, error=str(error))
            finally:
                self._turns.task_done()

    def _event(self, note: EventDraft, namespace: str, now: datetime) -> Json:
        regarding = {"kind": note.kind, "apiVersion": note.api_version, "name": note.name, "uid": note.uid}
        if note.namespace:
            regarding["namespace"] = note.namespace
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{note.name[:230]}.{int(now.timestamp() * 1e6):x}", "namespace": namespace},
            "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": self._controller,
            "reportingInstance": self._instance,
            "type": note.type,
            "reason": note.reason,
            "action": note.action,
            "note": note.message.encode()[:LONGEST_NOTE].decode(errors="ignore"),
            "regarding": regarding,
        }
