"""A running cluster that is kept up to date by watches, from start to stop."""

import asyncio
from dataclasses import replace

from exalb.kube.client import Reader
from exalb.kube.live import READ, read_lease
from exalb.kube.reflector import reflectors
from exalb.kube.store import Store
from exalb.model.cluster import Cluster
from exalb.model.lease import Lease
from exalb.model.scope import DEFAULT, Scope


class WatchedCluster:
    """Follows a cluster with the rights of a reader. `namespace` is ExaLB's own.

    A program that keeps a store up to date gives it as `held`: then only those kinds are watched that it lacks.
    """

    def __init__(self, api: Reader, namespace: str, *, scope: Scope = DEFAULT, held: Store | None = None) -> None:
        self._api, self._namespace, self._held = api, namespace, held
        self._kinds = tuple(kind for kind in READ if held is None or kind not in held.kinds)
        self._scope = scope
        self._store = Store(self._kinds, scope=scope)
        self._following: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow the cluster; requests that fail are repeated."""
        self._store = Store(self._kinds, scope=self._scope)
        self._following = asyncio.create_task(self._follow(self._store))

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
        """Return the cluster as it is now; waits until all of it was listed."""
        await self._store.synced.wait()
        found = self._store.snapshot()
        if self._held is None:
            return found
        await self._held.synced.wait()
        watched = {kind.cluster_field: getattr(found, kind.cluster_field) for kind in self._kinds}
        return replace(self._held.snapshot(), **watched)

    async def lease(self) -> Lease:
        """Read the Lease of the controllers."""
        return await read_lease(self._api, self._namespace)
