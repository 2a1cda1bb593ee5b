"""Posts events of events.k8s.io/v1 in the background: they are for people, and nothing waits for them.

What happens again within minutes is the same Event with a higher count, which is written seldom (`event_series`).
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from exalb.kube.client import MERGE, ApiError, EventClient, Json, NotFoundError, RefusedError
from exalb.kube.event_series import EventSeries, Series, series_body
from exalb.model.patches import EventDraft
from exalb.runtime.fair_queue import FairQueue
from exalb.runtime.rate_limit import TokenBucket
from exalb.runtime.times import micro_time_text

log = structlog.get_logger(__name__)

WAITING = 16_384
"""Events that wait to be posted; more are dropped, of the namespace that has the most."""
IN_FLIGHT = 4
BURST, PER_SECOND = 50, 20
"""Events posted at once after a quiet time, and per second from then on, so that they delay no status."""
LONGEST_NOTE = 1024
"""Bytes of an event's text that the API server takes."""
COUNT_SECONDS = 10.0
"""Between two writes of the count of one event, the first apart: what flaps costs no write each time."""


class EventRecorder:
    """Posts events as `controller`, for instance `exalb.io/speaker`, running as `instance`.

    `count` gets the outcome of each write: posted, failed or dropped.
    """

    def __init__(
        self,
        api: EventClient,
        controller: str,
        instance: str,
        *,
        count: Callable[[str], None] = lambda outcome: None,  # noqa: ARG005
        count_seconds: float = COUNT_SECONDS,
    ) -> None:
        self._api, self._controller, self._instance, self._count = api, controller, instance, count
        self._count_seconds = count_seconds
        self._series = EventSeries()
        self._queue = FairQueue[Series](WAITING)
        """By namespace: a crowd in one of them delays the events of no other."""
        self._turns: asyncio.Queue[None] = asyncio.Queue()
        """One for each waiting event."""
        self._allowance = TokenBucket(BURST, PER_SECOND)
        self._is_count_refused = False
        """Whether the log says that the API server takes no counts."""

    def post(self, note: EventDraft) -> None:
        """Take an event to be posted soon, and log the decision that it is about."""
        name = f"{note.namespace}/{note.name}" if note.namespace else note.name
        decision = {"kind": note.kind, "object": name, "reason": note.reason, "message": note.message}
        if note.type == "Warning":
            log.warning("decision", **decision)
        else:
            log.info("decision", **decision)
        self._schedule(self._series.note(note, datetime.now(UTC), asyncio.get_running_loop().time()))

    async def posted(self) -> None:
        """Wait until every event that was taken is posted, or could not be; counts may be written later."""
        await self._turns.join()

    async def run(self) -> None:
        """Post until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(IN_FLIGHT):
                tasks.create_task(self._work())

    def _schedule(self, series: Series) -> None:
        """Have a series written as soon as it may be, unless a write of it is to come anyway."""
        if series.is_waiting:
            return
        series.is_waiting = True
        loop = asyncio.get_running_loop()
        if series.write_at <= loop.time():
            self._enqueue(series)
        else:
            loop.call_at(series.write_at, self._enqueue, series)

    def _enqueue(self, series: Series) -> None:
        dropped = self._queue.put(series.draft.namespace, series)
        if dropped is None:
            self._turns.put_nowait(None)
            return
        self._count("dropped")
        log.warning("event_dropped", reason=dropped.draft.reason, object=dropped.draft.name)
        self._not_written(dropped)

    async def _work(self) -> None:
        while True:
            await self._turns.get()
            await asyncio.sleep(self._allowance.delay(asyncio.get_running_loop().time()))
            series = self._queue.pop()
            try:
                await self._write(series)
            except ApiError as error:
                self._count("failed")
                log.warning("event_not_posted", reason=series.draft.reason, object=series.draft.name, error=str(error))
                self._not_written(series)
            else:
                self._count("posted")
                self._written(series)
            finally:
                self._turns.task_done()

    async def _write(self, series: Series) -> None:
        """Write a series as it is now; as a new Event where the API server refuses to count in the old one."""
        collection = f"/apis/events.k8s.io/v1/namespaces/{series.draft.namespace or 'default'}/events"
        if series.written:
            count = series.count
            try:
                await self._api.patch(f"{collection}/{_name(series)}", series_body(series), MERGE)
            except NotFoundError:
                series.begin_anew()
            except RefusedError as error:
                self._count_refused(series, error)
            else:
                series.written, self._is_count_refused = count, False
                return
        count = series.count
        await self._api.post(collection, self._event(series))
        series.written = count

    def _count_refused(self, series: Series, error: RefusedError) -> None:
        """Go on with a new Event, and wait as long as between two counts before the next: each costs two requests."""
        series.begin_anew()
        series.write_at = asyncio.get_running_loop().time() + self._count_seconds
        if not self._is_count_refused:
            self._is_count_refused = True
            log.warning("event_count_refused", reason=series.draft.reason, object=series.draft.name, error=str(error))

    def _written(self, series: Series) -> None:
        series.is_waiting = False
        if series.written > 1:
            series.write_at = asyncio.get_running_loop().time() + self._count_seconds
        if series.count > series.written:
            self._schedule(series)

    def _not_written(self, series: Series) -> None:
        """Give up what was to be written; the next event of the series brings its count along."""
        series.is_waiting = False
        if not series.written:
            self._series.forget(series)

    def _event(self, series: Series) -> Json:
        draft = series.draft
        regarding = {"kind": draft.kind, "apiVersion": draft.api_version, "name": draft.name, "uid": draft.uid}
        if draft.namespace:
            regarding["namespace"] = draft.namespace
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": _name(series), "namespace": draft.namespace or "default"},
            "eventTime": micro_time_text(series.began),
            "reportingController": self._controller,
            "reportingInstance": self._instance,
            "type": draft.type,
            "reason": draft.reason,
            "action": draft.action,
            "note": draft.message.encode()[:LONGEST_NOTE].decode(errors="ignore"),
            "regarding": regarding,
            **series_body(series),
        }


def _name(series: Series) -> str:
    return f"{series.draft.name[:230]}.{int(series.began.timestamp() * 1e6):x}"
