"""When overviews are made, and for how long a cluster is followed."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from exalb.explain.observed import Observed
from exalb.model.cluster import Cluster
from exalb.model.lease import Lease
from exalb.web.overviews import SHARE, NotListedError, Overviews
from tests.support.objects import pool
from tests.support.observing import observed

BUSY = 0.05
"""Seconds that a question takes."""
FULL = observed(pool("main", "198.51.100.0/24")).cluster


@dataclass
class Memory:
    """A cluster in memory, which notes whether it is followed."""

    now: Cluster = field(default_factory=Cluster)
    missing: str = ""
    """Why it cannot be listed; empty where it can."""
    said: list[str] = field(default_factory=list)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self) -> None:
        """Note that it is followed."""
        self.said.append("start")

    def stop(self) -> None:
        """Note that nobody follows it."""
        self.said.append("stop")
        self.stopped.set()

    async def cluster(self) -> Cluster:
        """Return the cluster."""
        if self.missing:
            raise NotListedError(self.missing)
        return self.now

    async def lease(self) -> Lease:
        """Note that an overview is made: each reads the Lease."""
        self.said.append("lease")
        return Lease()


@contextlib.asynccontextmanager
async def looking(overviews: Overviews) -> AsyncIterator[AsyncIterator[str]]:
    async with contextlib.aclosing(overviews.overviews()) as opened:
        yield opened


async def next_text(opened: AsyncIterator[str]) -> str:
    return await anext(text async for text in opened if text)


async def test_all_who_look_share_one_overview_and_one_watch() -> None:
    memory = Memory()
    overviews = Overviews(memory, interval=60.0)
    async with looking(overviews) as one, looking(overviews) as other:
        texts = [await anext(one), await anext(other)]
        await overviews.ask(str)
        assert texts[0] == texts[1]
        assert json.loads(texts[0])["pools"] == []
    assert memory.said == ["start", "lease"]


async def test_overview_is_made_again_after_a_change_alone() -> None:
    memory = Memory()
    async with looking(Overviews(memory, interval=0.01)) as opened:
        assert await anext(opened)
        assert await anext(opened) == ""
        memory.now = FULL
        assert json.loads(await next_text(opened))["pools"]
        memory.now = replace(FULL)
        for _ in range(3):
            assert await anext(opened) == ""
    assert memory.said == ["start", "lease", "lease"]


async def test_change_that_comes_at_once_waits_for_its_turn() -> None:
    """However many look, and however often: one overview a second."""
    memory = Memory()
    overviews = Overviews(memory, interval=0.5)
    async with looking(overviews) as opened:
        await anext(opened)
        memory.now = FULL
        assert await overviews.ask(lambda seen: seen.cluster.pools) == {}
        assert json.loads(await next_text(opened))["pools"]


async def test_cluster_is_followed_as_long_as_somebody_looks() -> None:
    memory = Memory()
    overviews = Overviews(memory, interval=0.01, linger=0.0)
    assert memory.said == []
    async with looking(overviews) as one:
        await anext(one)
        async with looking(overviews) as other:
            await anext(other)
        await anext(one)
        assert "stop" not in memory.said
    await asyncio.wait_for(memory.stopped.wait(), 10)
    await overviews.ask(str)
    assert memory.said == ["start", "lease", "stop", "start", "lease"], "the old overview was forgotten"


async def test_page_that_is_loaded_again_has_no_wait() -> None:
    memory = Memory()
    overviews = Overviews(memory, linger=60.0)
    for _ in range(2):
        async with looking(overviews) as opened:
            await anext(opened)
    assert memory.said == ["start", "lease"]


async def test_questions_take_no_more_than_their_share() -> None:
    def question(_: Observed) -> float:
        begun = time.monotonic()
        while time.monotonic() < begun + BUSY:
            pass
        return begun

    overviews = Overviews(Memory())
    first, second = await asyncio.gather(overviews.ask(question), overviews.ask(question))
    assert second - first >= BUSY / SHARE


async def test_cluster_that_is_not_listed_is_followed_no_longer_than_somebody_looks() -> None:
    memory = Memory(missing="Not listed yet: EndpointSlice.")
    overviews = Overviews(memory, linger=0.0)
    with pytest.raises(NotListedError, match="EndpointSlice"):
        await overviews.ask(str)
    await asyncio.wait_for(memory.stopped.wait(), 10)
    assert memory.said == ["start", "stop"]
    memory.missing = ""
    assert await overviews.ask(lambda seen: seen.cluster.pools) == {}
