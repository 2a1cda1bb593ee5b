"""Writes the decisions of a round: status patches, and the events about them.

Every write states the version of the object that was decided upon, so nothing newer is overwritten. When a round of
writes ends, the store knows what became of each: it has the answer, or what was read again after a doubtful one.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any

import structlog

from exalb.kube.client import (
    MERGE,
    STRATEGIC,
    AmbiguousError,
    ConflictError,
    Json,
    NotFoundError,
    RefusedError,
    StatusClient,
    UnavailableError,
)
from exalb.kube.event_recorder import EventRecorder
from exalb.kube.store import Store
from exalb.model.kinds import BY_NAME, Kind
from exalb.model.patches import AddressChange, Changes, EventDraft, ObjectKey, StatusWrite
from exalb.runtime.backoff import Backoff
from exalb.runtime.fair_queue import in_turns
from exalb.runtime.rate_limit import WriteThrottle

log = structlog.get_logger(__name__)

IN_FLIGHT = 16
"""Writes at one moment."""
LARGEST_ROUND = 400
"""Writes of one round; the next round writes the rest, so that a new object waits for no more than these."""
ROUND_SECONDS = 0.25
"""No write of a round begins later than this, except the first of each worker: the API server may be slow."""
_MEDIA_TYPES = {"merge": MERGE, "strategic": STRATEGIC}


class Writer:
    """Writes for one program; `may_write` says before each write whether it still may (see `leader_election`).

    A program without `events` posts none.
    """

    def __init__(
        self,
        api: StatusClient,
        store: Store,
        events: EventRecorder | None,
        *,
        may_write: Callable[[], bool] = lambda: True,
        count: Callable[[str, str], None] = lambda kind, outcome: None,  # noqa: ARG005
        round_seconds: float = ROUND_SECONDS,
    ) -> None:
        self._api, self._store, self._events = api, store, events
        self._may_write, self._count, self._round_seconds = may_write, count, round_seconds
        self._pace = WriteThrottle({kind.name: kind.write_interval for kind in BY_NAME.values()})
        self._sent: set[asyncio.Task[Json]] = set()
        self._wake: asyncio.TimerHandle | None = None

    async def apply(self, changes: Changes) -> None:
        """Write what may be written now, the namespaces in turns, and schedule a round for the rest.

        Raise UnavailableError to try again.
        """
        loop = asyncio.get_running_loop()
        keys = {_key(write): write for write in changes.writes}
        now = loop.time()
        due = {key: write for key, write in keys.items() if self._pace.may_write(key, now)}
        batch = in_turns(list(due.values()), lambda write: write.namespace)[:LARGEST_ROUND]
        notes = _by_write(changes.events)
        for note in notes.pop(None, ()):
            self._post(note)
        queue, failures, until = iter(batch), list[UnavailableError](), now + self._round_seconds
        await asyncio.gather(*(self._work(queue, notes, failures, until) for _ in range(min(IN_FLIGHT, len(batch)))))
        if failures:
            raise failures[0]
        self._pace.forget_before(loop.time())
        if len(batch) < len(due) or next(queue, None):
            self._store.changed.set()
        self._schedule_round(self._pace.free_at([key for key in keys if key not in due]))

    async def drain(self) -> None:
        """Wait until the outcome of every write that was sent is known, without using it; at most 9 seconds."""
        if self._sent:
            await asyncio.wait(self._sent)

    async def _work(
        self,
        queue: Iterator[StatusWrite],
        notes: Mapping[ObjectKey | None, list[EventDraft]],
        failures: list[UnavailableError],
        until: float,
    ) -> None:
        for write in queue:
            try:
                written = await self._write(write)
            except UnavailableError as error:
                self._count(write.kind, "unavailable")
                failures.append(error)
                return
            if written:
                _log(write.addresses)
                for note in notes.get(_key(write), ()):
                    self._post(note)
            if failures or asyncio.get_running_loop().time() >= until:
                return

    def _post(self, note: EventDraft) -> None:
        if self._events:
            self._events.post(note)

    async def _write(self, write: StatusWrite) -> bool:
        """Write one status; return whether it is now as decided."""
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
            log.debug("write_outcome_unknown", object=path, error=str(error))
            await self._read_again(kind, path)
            return False
        except RefusedError as error:
            self._count(write.kind, "refused")
            if isinstance(error, NotFoundError):
                log.info("object_gone", object=path, error=str(error))
            else:
                log.error("status_refused", object=path, error=str(error))  # noqa: TRY400 - a sentence of the server
            self._pace.refused(_key(write), now())
            return False
        self._count(write.kind, "written")
        self._pace.written(write.kind, _key(write), now())
        self._store.update_if_present(kind, answer)
        return True

    async def _create(self, kind: Kind, body: Mapping[str, Any]) -> None:
        try:
            await self._send(self._api.post(kind.collection(), body))
        except ConflictError:
            log.debug("object_exists", kind=kind.name, name=body["metadata"]["name"])

    async def _send(self, call: Coroutine[None, None, Json]) -> Json:
        """Write in a task of its own, which ends when the outcome is known, even if we are cancelled."""
        if not self._may_write():
            call.close()
            raise UnavailableError("may not write: the lease runs out")
        task = asyncio.create_task(_until_outcome_is_known(call))
        self._sent.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def _read_again(self, kind: Kind, path: str) -> None:
        """Fold an object as it is now; go on trying until the server answers."""
        backoff = Backoff(first=0.1, limit=5.0)
        while True:
            try:
                self._store.update_if_present(kind, await self._api.get(path))
            except UnavailableError:
                await backoff.wait()
            except RefusedError as error:
                log.info("object_gone", object=path, error=str(error))
                return
            else:
                return

    def _forget(self, task: asyncio.Task[Json]) -> None:
        self._sent.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not complain where we were cancelled meanwhile

    def _schedule_round(self, time: float | None) -> None:
        if self._wake:
            self._wake.cancel()
        self._wake = asyncio.get_running_loop().call_at(time, self._store.changed.set) if time is not None else None


async def _until_outcome_is_known(call: Coroutine[None, None, Json]) -> Json:
    try:
        return await call
    except AmbiguousError as error:
        await asyncio.sleep(error.outcome_known_at - asyncio.get_running_loop().time())
        raise


def _log(changes: Iterable[AddressChange]) -> None:
    for change in changes:
        if change.is_assigned:
            log.info("address_assigned", **change.fields)
        else:
            log.info("address_released", **change.fields)


def _key(write: StatusWrite) -> ObjectKey:
    return ObjectKey(write.kind, write.namespace, write.name)


def _by_write(notes: Iterable[EventDraft]) -> dict[ObjectKey | None, list[EventDraft]]:
    """Group the events by the write that has to succeed first; None is no write."""
    found: dict[ObjectKey | None, list[EventDraft]] = {}
    for note in notes:
        found.setdefault(note.after, []).append(note)
    return found
