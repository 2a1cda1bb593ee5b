"""A running cluster that is kept up to date by watches, and its overview, which is made only while somebody looks."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from exalb.explain.observed import Observed, with_supposed_secrets
from exalb.kube.client import Reader
from exalb.kube.live import READ, read_lease, read_scope
from exalb.kube.reflector import reflectors
from exalb.kube.store import Store
from exalb.web.view import overview

INTERVAL = 1.0
"""Seconds between two overviews, however much changes."""
REFRESH = 15.0
"""Seconds after which an overview is made again though nothing changed: a Lease or a report may have become old."""


class WatchedCluster:
    """Follows a cluster with the rights of a reader. `namespace` is ExaLB's own."""

    def __init__(self, api: Reader, namespace: str) -> None:
        self._api, self._namespace = api, namespace
        self._store = Store(READ)
        self._version = 0
        """Counts the states of the cluster."""
        self._changed = asyncio.Condition()
        self._making = asyncio.Lock()
        self._made: tuple[int, Observed, str] | None = None
        """The last overview: its version, and the cluster that it was made from."""

    async def run(self) -> None:
        """Follow the cluster until cancelled; requests that fail are repeated."""
        self._store = Store(READ, scope=await read_scope(self._api, self._namespace))
        async with asyncio.TaskGroup() as tasks:
            for feed in reflectors(self._api, self._store, READ, namespace=self._namespace).values():
                tasks.create_task(feed.run())
            tasks.create_task(self._count())

    async def _count(self) -> None:
        await self._store.synced.wait()
        while True:
            await self._store.changed.wait()
            self._store.changed.clear()
            await self._outdate()

    async def _outdate(self) -> None:
        async with self._changed:
            self._version += 1
            self._changed.notify_all()

    async def observed(self) -> Observed:
        """Return the cluster as it is now; waits until all of it was listed."""
        return (await self._current())[1]

    async def overviews(self) -> AsyncIterator[str]:
        """Yield the overview as JSON: now, after changes, and every 15 s; an empty text where it is the same."""
        last = ""
        while True:
            version, _, text = await self._current()
            yield text if text != last else ""
            last = text
            await asyncio.sleep(INTERVAL)
            try:
                async with asyncio.timeout(REFRESH):
                    await self._newer_than(version)
            except TimeoutError:
                await self._outdate()

    async def _newer_than(self, version: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._version > version)

    async def _current(self) -> tuple[int, Observed, str]:
        """Make the overview of the present state, once for all who wait for it."""
        await self._newer_than(0)
        async with self._making:
            if self._made is None or self._made[0] != self._version:
                version, lease = self._version, await read_lease(self._api, self._namespace)
                observed = Observed(with_supposed_secrets(self._store.snapshot()), datetime.now(UTC), lease)
                self._made = version, observed, await asyncio.to_thread(lambda: json.dumps(overview(observed)))
            return self._made
