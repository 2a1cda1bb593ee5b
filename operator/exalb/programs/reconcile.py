"""The reconcile loop of both programs: wait for a change, take a snapshot, act, repeat. Rounds never overlap.

The next round sees all changes that arrive during a round. A change starts a round without delay, unless there were
many in a short time: then one round handles all changes of a twentieth of a second.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable

import structlog

from exalb.kube.client import UnavailableError
from exalb.kube.store import Store
from exalb.model.cluster import Cluster
from exalb.runtime.backoff import Backoff
from exalb.runtime.rate_limit import TokenBucket

log = structlog.get_logger(__name__)

BURST, PER_SECOND = 25, 20
"""Rounds without delay after a quiet time, and from then on."""

Round = Callable[[Cluster], Awaitable[None]]
Observe = Callable[[float, bool], None]


async def reconcile(store: Store, act: Round, observe: Observe = lambda seconds, failed: None) -> None:  # noqa: ARG005
    """Call `act` with a snapshot of `store` whenever it changed, until cancelled.

    A round that fails is tried again, ever more slowly up to five seconds. `observe` gets the duration of each round,
    and whether an internal error ended it.
    """
    await store.synced.wait()
    backoff, allowance = Backoff(first=0.1, limit=5.0), TokenBucket(BURST, PER_SECOND)
    store.changed.set()
    first_round = True
    while True:
        await store.changed.wait()
        await asyncio.sleep(allowance.delay(time.monotonic()))
        store.changed.clear()
        begun, failed = time.perf_counter(), False
        try:
            await act(store.snapshot())
            backoff.reset()
        except UnavailableError as error:
            log.debug("round_deferred", error=str(error))
            store.changed.set()
        except Exception:  # one fault of ours must not end the program
            failed = True
            log.exception("round_failed")
            store.changed.set()
        observe(time.perf_counter() - begun, failed)
        if first_round:
            first_round = False
            _freeze_gc()
        await backoff.wait()


def _freeze_gc() -> None:
    """Exclude the objects of the first round from garbage collection, which would stop the program for 0.1 s."""
    gc.collect()
    gc.freeze()
