"""The L2 of each node's speaker around the real L2 processes of a LAN; objects in memory replace the API server."""

import asyncio
import threading
from collections.abc import Callable, Collection, Coroutine, Iterable
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from exalb.announcement.drain import DrainPolicy
from exalb.kube.store import Store
from exalb.model.cluster import Cluster
from exalb.model.kinds import BY_NAME
from exalb.model.local_node import DataPlane, LocalNode
from exalb.programs.lan import Lan
from exalb.report.l2 import l2_report
from exalb.validation.rules import Validator
from exalb_bgp.session import Family
from tests.support import objects
from tests.support.objects import Object

T = TypeVar("T")
SECONDS = 30.0
"""How long a step in the speakers' thread may take."""


class Api:
    """The objects, and the stores of those who watch them. It belongs to one event loop."""

    def __init__(self) -> None:
        self.reachable = asyncio.Event()
        """Cleared while the API server is away: nobody starts to watch, and no report is written."""
        self.reachable.set()
        self._objects: dict[tuple[str, str], Object] = {}
        self._versions = count(1)
        self._stores: list[Store] = []

    def all(self) -> list[Object]:
        """Return the objects."""
        return list(self._objects.values())

    def put(self, raw: Object) -> None:
        """Write an object."""
        raw = objects.at_version(next(self._versions), raw)
        self._objects[raw["kind"], raw["metadata"]["name"]] = raw
        for store in self._stores:
            store.put(BY_NAME[raw["kind"]], raw)

    def remove(self, kind: str, name: str) -> None:
        """Delete an object, if it is there."""
        if raw := self._objects.pop((kind, name), None):
            gone = objects.at_version(next(self._versions), raw)
            for store in self._stores:
                store.remove(BY_NAME[kind], gone)

    async def watch(self, store: Store) -> None:
        """Fill a store, and keep it up to date until it is forgotten; wait for the API server where it is away."""
        await self.reachable.wait()
        self._stores.append(store)
        for raw in self._objects.values():
            store.put(BY_NAME[raw["kind"]], raw)

    def forget(self, store: Store) -> None:
        """Leave a store as it is from now on."""
        if store in self._stores:
            self._stores.remove(store)


class LanSpeaker:
    """One speaker, until its task is cancelled."""

    def __init__(self, node: str, directory: Path, api: Api) -> None:
        self._node, self._api = node, api
        self.is_late = False
        """Whether kube-proxy of the node delivers to no endpoint there yet."""
        self._news = asyncio.Event()
        self._store, self._validator = Store(BY_NAME.values()), Validator()
        self._lan = Lan(node, str(directory), DrainPolicy(), self._news.set)

    async def run(self) -> None:
        """Plan after each change, and report after each change of the L2 process."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._lan.run())
                await self._api.watch(self._store)
                tasks.create_task(self._report())
                while True:
                    await self._store.changed.wait()
                    self._store.changed.clear()
                    cluster = self._seen(self._store.snapshot())
                    self._lan.plan(cluster, self._validator.validate(cluster))
        finally:
            self._api.forget(self._store)

    def delay(self, *, is_late: bool) -> None:
        """Let kube-proxy know no endpoint of the node, or all of them."""
        self.is_late = is_late
        self._store.changed.set()

    def _seen(self, cluster: Cluster) -> Cluster:
        """Return the snapshot with what kube-proxy says."""
        known = () if self.is_late else cluster.services.values()
        programmed = {(each.key, family): each.health_check_port or 0 for each in known for family in Family}
        return replace(cluster, programmed=programmed, host=LocalNode(data_plane=DataPlane.UP))

    async def _report(self) -> None:
        while True:
            await self._news.wait()
            await self._api.reachable.wait()
            self._news.clear()
            report = self._store.snapshot().speakers.get(self._node)
            before = report.observed.l2 if report else None
            found = l2_report(self._lan.status, before)
            if found and found != before:
                self._api.put(objects.l2_speaker(self._node, l2=found.model_dump(mode="json", exclude_none=True)))


class Speakers:
    """All speakers, in a thread of their own, as long as they are entered."""

    def __init__(self, directories: Iterable[tuple[str, Path]]) -> None:
        self._directories = dict(directories)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="speakers", daemon=True)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._speakers: dict[str, LanSpeaker] = {}
        self._late = frozenset[str]()

    def __enter__(self) -> Self:
        """Begin, with no speaker and no object."""
        self._thread.start()
        self._api = self._do(Api)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all."""
        for node in tuple(self._tasks):
            self.stop(node)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self, node: str) -> None:
        """Start the speaker of a node, which knows nothing."""
        self._do(lambda: self._start(node))

    def _start(self, node: str) -> None:
        self._speakers[node] = speaker = LanSpeaker(node, self._directories[node], self._api)
        speaker.is_late = node in self._late
        self._tasks[node] = self._loop.create_task(speaker.run())

    def stop(self, node: str) -> None:
        """End it."""
        task = self._tasks.pop(node)
        self._do(task.cancel)
        self._wait(asyncio.wait([task]))

    def put(self, *raw: Object) -> None:
        """Write objects."""
        for one in raw:
            self._do(partial(self._api.put, one))

    def remove(self, kind: str, name: str) -> None:
        """Delete an object."""
        self._do(lambda: self._api.remove(kind, name))

    def reach(self, *, reachable: bool) -> None:
        """Take the API server away, or bring it back."""
        self._do(self._api.reachable.set if reachable else self._api.reachable.clear)

    def delay(self, late: Collection[str]) -> None:
        """Let kube-proxy of these nodes, and of no others, deliver to no endpoint there yet."""
        self._late = frozenset(late)
        for node, speaker in self._speakers.items():
            self._do(partial(speaker.delay, is_late=node in late))

    def objects(self) -> list[Object]:
        """Return what the API server has."""
        return self._do(self._api.all)

    def _do(self, act: Callable[[], T]) -> T:
        async def done() -> T:
            return act()

        return self._wait(done())

    def _wait(self, waiting: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(waiting, self._loop).result(SECONDS)
