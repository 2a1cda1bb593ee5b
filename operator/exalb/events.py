"""Events of events.k8s.io/v1, posted beside all other work: they tell people, and nothing waits for them."""

import asyncio
from datetime import UTC, datetime

import structlog

from exalb.apiserver import ApiError, ApiServer, Json
from exalb.pacing import Allowance
from exalb.writes import EventNote

log = structlog.get_logger(__name__)

WAITING = 16_384
"""Events that wait to be posted; more are dropped."""
IN_FLIGHT = 4
BURST, PER_SECOND = 50, 20
"""Events posted at once after a quiet time, and from then on: what tells people must not delay what they wait for."""
LONGEST_NOTE = 1024
"""Bytes of an event's text that the API server takes."""


class EventPoster:
    """Posts events as `controller`, for instance `exalb.io/speaker`, running as `instance`."""

    def __init__(self, api: ApiServer, controller: str, instance: str) -> None:
        self._api, self._controller, self._instance = api, controller, instance
        self._queue: asyncio.Queue[tuple[EventNote, datetime]] = asyncio.Queue(WAITING)
        self._allowance = Allowance(BURST, PER_SECOND)

    def post(self, note: EventNote) -> None:
        """Take an event to be posted soon."""
        try:
            self._queue.put_nowait((note, datetime.now(UTC)))
        except asyncio.QueueFull:
            log.warning("too many events; dropped one", reason=note.reason, object=note.name)

    async def posted(self) -> None:
        """Wait until every event that was taken is posted, or could not be."""
        await self._queue.join()

    async def run(self) -> None:
        """Post until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(IN_FLIGHT):
                tasks.create_task(self._work())

    async def _work(self) -> None:
        while True:
            note, moment = await self._queue.get()
            await asyncio.sleep(self._allowance.delay(asyncio.get_running_loop().time()))
            namespace = note.namespace or "default"
            try:
                path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
                await self._api.post(path, self._event(note, namespace, moment))
            except ApiError as error:
                log.warning("an event could not be posted", reason=note.reason, object=note.name, why=str(error))
            finally:
                self._queue.task_done()

    def _event(self, note: EventNote, namespace: str, now: datetime) -> Json:
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
