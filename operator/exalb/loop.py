"""The one loop of both programs: wait for the bell, look at everything, act; and again, never two at once.

What happens while a round is at work is seen by the next round, all of it at once. A change is acted upon without
delay, until there were many in a short time: then a round takes in what came in a twentieth of a second.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable

import structlog

from exalb.apiserver import UnavailableError
from exalb.backoff import Backoff
from exalb.cluster import Cluster
from exalb.pacing import Allowance
from exalb.store import Store

log = structlog.get_logger(__name__)

BURST, PER_SECOND = 25, 20
"""Rounds without delay after a quiet time, and from then on."""

Round = Callable[[Cluster], Awaitable[None]]


async def reconcile(store: Store, act: Round, observe: Callable[[float], None] = lambda seconds: None) -> None:  # noqa: ARG005
    """Call `act` with a picture of `store` whenever it changed; until cancelled.

    A round that fails is tried again, ever more slowly up to five seconds. `observe` is told how long each round took.
    """
    await store.synced.wait()
    backoff, allowance = Backoff(first=0.1, limit=5.0), Allowance(BURST, PER_SECOND)
    store.changed.set()
    settled = False
    while True:
        await store.changed.wait()
        await asyncio.sleep(allowance.delay(time.monotonic()))
        store.changed.clear()
        begun = time.perf_counter()
        try:
            await act(store.snapshot())
            backoff.reset()
        except UnavailableError as error:
            log.warning("the API server is away; trying again", why=str(error))
            store.changed.set()
        except Exception:  # one mistake of ours must not end what runs
            log.exception("a round failed; trying again")
            store.changed.set()
        observe(time.perf_counter() - begun)
        if not settled:
            settled = True
            _spare_what_stays()
        await backoff.wait()


def _spare_what_stays() -> None:
    """Take what start-up made out of the garbage collector's sight: to walk through it halts all for 0.1 s."""
    gc.collect()
    gc.freeze()
