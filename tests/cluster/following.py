"""A store in this very process that follows the API server, for tests to look at."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from exalb.kube.store import Store
from exalb.model.cluster import Cluster

SECONDS = 30.0


@contextlib.asynccontextmanager
async def running(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run coroutines during the test; they are cancelled at the end, and a failure of one fails the test."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


async def seen(store: Store, condition: Callable[[Cluster], bool], seconds: float = SECONDS) -> Cluster:
    """Return the first complete snapshot for which `condition` is true; TimeoutError when it comes too late."""
    async with asyncio.timeout(seconds):
        await store.synced.wait()
        while not condition(snapshot := store.snapshot()):
            store.changed.clear()
            await store.changed.wait()
        return snapshot
