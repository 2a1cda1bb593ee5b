"""A store in this very process that follows the API server, for tests to look at."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from exalb.cluster import Cluster
from exalb.store import Store

SECONDS = 30.0


@contextlib.asynccontextmanager
async def running(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run something beside the test; it is cancelled at the end, and its failure fails the test."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


async def seen(store: Store, what: Callable[[Cluster], bool], seconds: float = SECONDS) -> Cluster:
    """Return the first picture of which `what` is true, once every kind is there; TimeoutError when it is late."""
    async with asyncio.timeout(seconds):
        await store.synced.wait()
        while not what(picture := store.snapshot()):
            store.changed.clear()
            await store.changed.wait()
        return picture
