"""The overview of a cluster as JSON: made while somebody looks, and again only where the cluster changed."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from typing import NamedTuple, Protocol, TypeVar

from exalb.explain.observed import Observed, with_supposed_secrets
from exalb.model.cluster import Cluster
from exalb.model.lease import Lease
from exalb.web.view import overview

INTERVAL = 1.0
"""Seconds between two overviews, however much changes and however many look."""
SHARE = 0.25
"""The most of its time that a processor spends on overviews, and on answers: a controller has other work, too."""
REFRESH = 15.0
"""Seconds after which an overview is made again though nothing changed: a Lease or a report may have become old."""
LINGER = 60.0
"""Seconds for which the cluster is followed after the last look, so that a page that is loaded again has no wait."""

Answer = TypeVar("Answer")


class NotListedError(Exception):
    """The cluster was not listed in whole in time; the text names the kinds that are missing."""


class Source(Protocol):
    """A cluster that can be followed."""

    def start(self) -> None:
        """Begin to follow it."""

    def stop(self) -> None:
        """End that, and forget what was only read for it."""

    async def cluster(self) -> Cluster:
        """Return the cluster as it is now; waits until all of it was listed. What did not change is shared.

        Raises NotListedError where that takes too long.
        """

    async def lease(self) -> Lease:
        """Return the Lease of the controllers."""


class _Made(NamedTuple):
    """An overview."""

    cluster: Cluster
    observed: Observed
    text: str
    """The overview as JSON."""
    again: float
    """The moment before which no other one is made."""
    expires: float
    """The moment from which on another one is made in any case."""


class Overviews:
    """Overviews of one cluster for all who look at it."""

    def __init__(self, source: Source, *, interval: float = INTERVAL, linger: float = LINGER) -> None:
        self._source, self._interval, self._linger = source, interval, linger
        self._looking = 0
        self._ending: asyncio.TimerHandle | None = None
        """Set while the cluster is still followed, and nobody looks."""
        self._making = asyncio.Lock()
        self._made: _Made | None = None
        self._answering = asyncio.Lock()
        self._answer_at = 0.0
        """The moment before which no other question is answered."""

    async def ask(self, question: Callable[[Observed], Answer]) -> Answer:
        """Return the answer to a question about the cluster as it is now. Raises NotListedError.

        Answers are made by one thread, as what a cluster decides is kept; and no faster than their share allows.
        """
        with self._look():
            async with self._answering:
                await asyncio.sleep(self._answer_at - time.monotonic())
                observed = (await self._current()).observed
                begun = time.monotonic()
                try:
                    return await asyncio.to_thread(question, observed)
                finally:
                    self._answer_at = begun + (time.monotonic() - begun) / SHARE

    async def overviews(self) -> AsyncGenerator[str, None]:
        """Yield the overview as JSON, now and after each interval; an empty text where it is the same.

        Raises NotListedError.
        """
        with self._look():
            last = ""
            while True:
                text = (await self._current()).text
                yield text if text != last else ""
                last = text
                await asyncio.sleep(self._interval)

    @contextmanager
    def _look(self) -> Iterator[None]:
        """Follow the cluster as long as somebody looks, and a while longer."""
        if self._ending:
            self._ending.cancel()
            self._ending = None
        elif not self._looking:
            self._source.start()
        self._looking += 1
        try:
            yield
        finally:
            self._looking -= 1
            if not self._looking:
                self._ending = asyncio.get_running_loop().call_later(self._linger, self._rest)

    def _rest(self) -> None:
        self._source.stop()
        self._ending = self._made = None

    async def _current(self) -> _Made:
        """Return the overview of the present state; it is made once for all who wait for it."""
        async with self._making:
            cluster, begun, made = await self._source.cluster(), time.monotonic(), self._made
            if made and begun < made.expires and (begun < made.again or _same(cluster, made.cluster)):
                return made
            observed = Observed(with_supposed_secrets(cluster), datetime.now(UTC), await self._source.lease())
            text = await asyncio.to_thread(lambda: json.dumps(overview(observed)))
            took = time.monotonic() - begun
            self._made = _Made(
                cluster, observed, text, begun + max(self._interval, took / SHARE), begun + took + REFRESH
            )
            return self._made


def _same(one: Cluster, other: Cluster) -> bool:
    """Return whether nothing changed between two snapshots: tables are compared by identity, at no cost."""
    return all(getattr(one, field.name) is getattr(other, field.name) for field in fields(Cluster))
