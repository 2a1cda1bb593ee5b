"""A running cluster that is kept up to date by watches, from start to stop."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from exalb.kube.client import Reader
from exalb.kube.live import READ, read_lease
from exalb.kube.reflector import reflectors
from exalb.kube.store import Store
from exalb.model.cluster import Cluster
from exalb.model.lease import Lease
from exalb.model.scope import DEFAULT, Scope
from exalb.web.overviews import NotListedError

LISTING_SECONDS = 10.0
"""Seconds from the start after which nobody waits for the lists any longer. They are tried further."""


class WatchedCluster:
    """Follows a cluster with the rights of a reader. `namespace` is ExaLB's own.

    A program that keeps a store up to date gives it as `held`: then only those kinds are watched that it lacks.
    """

    def __init__(
        self,
        api: Reader,
        namespace: str,
        *,
        scope: Scope = DEFAULT,
        held: Store | None = None,
        listing_seconds: float = LISTING_SECONDS,
    ) -> None:
        self._api, self._namespace, self._held = api, namespace, held
        self._kinds = tuple(kind for kind in READ if held is None or kind not in held.kinds)
        self._scope, self._listing_seconds = scope, listing_seconds
        self._store = Store(self._kinds, scope=scope)
        self._following: asyncio.Task[None] | None = None
        self._listed_by = 0.0
        """The time of the event loop until which requests wait for the lists."""

    def start(self) -> None:
        """Begin to follow the cluster; requests that fail are repeated."""
        self._store = Store(self._kinds, scope=self._scope)
        self._following = asyncio.create_task(self._follow(self._store))
        self._listed_by = asyncio.get_running_loop().time() + self._listing_seconds

    async def _follow(self, store: Store) -> None:
        async with asyncio.TaskGroup() as tasks:
            for feed in reflectors(self._api, store, self._kinds, namespace=self._namespace).values():
                tasks.create_task(feed.run())

    def stop(self) -> None:
        """End the watches, and forget what they read."""
        if self._following:
            self._following.cancel()
        self._store = Store(self._kinds, scope=self._scope)

    async def cluster(self) -> Cluster:
        """Return the cluster as it is now; waits until all of it was listed. Raises NotListedError."""
        await self._wait_listed()
        found = self._store.snapshot()
        if self._held is None:
            return found
        watched = {kind.cluster_field: getattr(found, kind.cluster_field) for kind in self._kinds}
        return replace(self._held.snapshot(), **watched)

    async def _wait_listed(self) -> None:
        stores = [self._store] if self._held is None else [self._store, self._held]
        self._raise_mistake()
        if _are_listed(stores):
            return
        listed = asyncio.create_task(_wait_for(stores))
        ends = {listed, self._following} if self._following else {listed}
        left = self._listed_by - asyncio.get_running_loop().time()
        try:
            await asyncio.wait(ends, timeout=max(0.0, left), return_when=asyncio.FIRST_COMPLETED)
        finally:
            listed.cancel()
        self._raise_mistake()
        if not _are_listed(stores):
            raise NotListedError(_missing(stores))

    def _raise_mistake(self) -> None:
        """Raise the exception that ended the watches, if one did: no refusal does, and from then on all is old."""
        if self._following and self._following.done():
            self._following.result()

    async def lease(self) -> Lease:
        """Read the Lease of the controllers."""
        return await read_lease(self._api, self._namespace)


def _are_listed(stores: Iterable[Store]) -> bool:
    return all(store.synced.is_set() for store in stores)


async def _wait_for(stores: Iterable[Store]) -> None:
    for store in stores:
        await store.synced.wait()


def _missing(stores: Iterable[Store]) -> str:
    """Return a sentence about the kinds that were not listed."""
    kinds = [kind for store in stores for kind in store.kinds if kind.name in store.missing()]
    names, plurals = ", ".join(kind.name for kind in kinds), ", ".join(kind.plural for kind in kinds)
    return f"Not listed yet: {names}. If that lasts, grant list and watch of {plurals}, or see the API server."
