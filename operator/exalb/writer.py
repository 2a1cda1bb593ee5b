"""Carries out what a round decided: status patches, and the events that tell of them.

Every write states the version of the object that was decided upon, so nothing newer is overwritten. When a round of
writes ends, the store knows what became of each: it has the answer, or what was read again after a doubtful one.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any

import structlog

from exalb.apiserver import (
    MERGE,
    STRATEGIC,
    AmbiguousError,
    ApiServer,
    ConflictError,
    Json,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from exalb.backoff import Backoff
from exalb.events import EventPoster
from exalb.kinds import BY_NAME, Kind
from exalb.pacing import Pace
from exalb.store import Store
from exalb.writes import Changes, EventNote, ObjectKey, StatusWrite

log = structlog.get_logger(__name__)

IN_FLIGHT = 16
"""Writes at one moment."""
REPORT_SECONDS = 5.0
"""The shortest time between two reports in the status of one of our own objects; Services are never kept waiting."""
_MEDIA_TYPES = {"merge": MERGE, "strategic": STRATEGIC}


class Writer:
    """Writes for one program; `may_write` tells before each write whether it still may (see `election`)."""

    def __init__(
        self,
        api: ApiServer,
        store: Store,
        events: EventPoster,
        *,
        may_write: Callable[[], bool] = lambda: True,
        count: Callable[[str, str], None] = lambda kind, outcome: None,  # noqa: ARG005
    ) -> None:
        self._api, self._store, self._events = api, store, events
        self._may_write, self._count = may_write, count
        self._pace = Pace(dict.fromkeys(("IPAddressPool", "BGPPeer", "BGPAdvertisement", "BGPSpeaker"), REPORT_SECONDS))
        self._sent: set[asyncio.Task[Json]] = set()
        self._wake: asyncio.TimerHandle | None = None

    async def carry_out(self, changes: Changes) -> None:
        """Write all that may be written now, and ring the store's bell when more may; UnavailableError to try again."""
        loop = asyncio.get_running_loop()
        keys = {_key(write): write for write in changes.writes}
        due = [write for key, write in keys.items() if self._pace.may_write(key, loop.time())]
        notes = _by_write(changes.events)
        for note in notes.pop(None, ()):
            self._events.post(note)
        queue, failures = iter(due), list[UnavailableError]()
        await asyncio.gather(*(self._work(queue, notes, failures) for _ in range(min(IN_FLIGHT, len(due)))))
        if failures:
            raise failures[0]
        self._pace.forget_before(loop.time())
        self._ring_at(self._pace.free_at([key for key, write in keys.items() if write not in due]))

    async def drain(self) -> None:
        """Wait until the fate of every write that was sent is settled, without looking at it; at most 9 seconds."""
        if self._sent:
            await asyncio.wait(self._sent)

    async def _work(
        self,
        queue: Iterator[StatusWrite],
        notes: Mapping[ObjectKey | None, list[EventNote]],
        failures: list[UnavailableError],
    ) -> None:
        for write in queue:
            if failures:
                return
            try:
                written = await self._write(write)
            except UnavailableError as error:
                self._count(write.kind, "unavailable")
                failures.append(error)
                return
            for note in notes.get(_key(write), ()) if written else ():
                self._events.post(note)

    async def _write(self, write: StatusWrite) -> bool:
        """Write one status; tell whether it now is as decided."""
        kind, now = BY_NAME[write.kind], asyncio.get_running_loop().time
        path = kind.object(write.name, write.namespace)
        try:
            if write.create:
                await self._create(kind, write.create)
            answer = await self._send(self._api.patch(f"{path}/status", write.body, _MEDIA_TYPES[write.patch]))
        except ConflictError:
            self._count(write.kind, "conflict")
            await self._read_again(kind, path)
            return False
        except AmbiguousError as error:
            self._count(write.kind, "ambiguous")
            log.warning("a write's outcome is unknown: reading again", object=path, why=str(error))
            await self._read_again(kind, path)
            return False
        except RefusedError as error:
            self._count(write.kind, "refused")
            level = log.info if isinstance(error, NotFoundError) else log.error
            level("a status could not be written", object=path, why=str(error))
            self._pace.refused(_key(write), now())
            return False
        self._count(write.kind, "written")
        self._pace.written(write.kind, _key(write), now())
        self._store.fold(kind, answer)
        return True

    async def _create(self, kind: Kind, body: Mapping[str, Any]) -> None:
        try:
            await self._send(self._api.post(kind.collection(), body))
        except ConflictError:
            log.debug("is there already", kind=kind.name, name=body["metadata"]["name"])

    async def _send(self, call: Coroutine[None, None, Json]) -> Json:
        """Make a write in a task of its own, which ends when the write's fate is settled, even if we are cancelled."""
        if not self._may_write():
            call.close()
            raise UnavailableError("may not write: the lease runs out")
        task = asyncio.create_task(_settle(call))
        self._sent.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def _read_again(self, kind: Kind, path: str) -> None:
        """Fold an object as it is now; go on trying until the server answers."""
        backoff = Backoff(first=0.1, limit=5.0)
        while True:
            try:
                self._store.fold(kind, await self._api.get(path))
            except UnavailableError:
                await backoff.wait()
            except RefusedError as error:
                log.info("a status was not written", object=path, why=str(error))
                return
            else:
                return

    def _forget(self, task: asyncio.Task[Json]) -> None:
        self._sent.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not complain where we were cancelled meanwhile

    def _ring_at(self, time: float | None) -> None:
        if self._wake:
            self._wake.cancel()
        self._wake = asyncio.get_running_loop().call_at(time, self._store.changed.set) if time is not None else None


async def _settle(call: Coroutine[None, None, Json]) -> Json:
    try:
        return await call
    except AmbiguousError as error:
        await asyncio.sleep(error.settled - asyncio.get_running_loop().time())
        raise


def _key(write: StatusWrite) -> ObjectKey:
    return ObjectKey(write.kind, write.namespace, write.name)


def _by_write(notes: Iterable[EventNote]) -> dict[ObjectKey | None, list[EventNote]]:
    """Group the events by the write that has to succeed first; None is no write."""
    found: dict[ObjectKey | None, list[EventNote]] = {}
    for note in notes:
        found.setdefault(note.after, []).append(note)
    return found
