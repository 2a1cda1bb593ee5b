"""A cluster of which a part is not listed: nobody waits for long, and the answer names the missing kind."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest

from exalb.kube.client import Json, NotFoundError, Page, RefusedError, WatchEvent
from exalb.kube.live import READ
from exalb.kube.store import Store
from exalb.model.kinds import ENDPOINT_SLICE, NODE
from exalb.web.overviews import NotListedError, Overviews
from exalb.web.server import Server
from exalb.web.watched_cluster import WatchedCluster

SECONDS, LONG = 0.5, 20.0
SAID = "Not listed yet: {}. If that lasts, grant list and watch of {}, or see the API server."


class Cluster:
    """An empty cluster whose lists of `plural` end in `error`, while there is one."""

    def __init__(self, plural: str, error: Exception | None) -> None:
        self._plural, self.error = plural, error
        self.watched = asyncio.Event()
        """Set when a watch of `plural` begins, after a list of it."""

    async def list(self, path: str, query: Mapping[str, str]) -> AsyncIterator[Page]:
        """Return an empty list, or refuse."""
        del query
        if self.error and path.endswith(f"/{self._plural}"):
            raise self.error
        yield Page([], "1")

    async def watch(self, path: str, query: Mapping[str, str], since: str, seconds: int) -> AsyncIterator[WatchEvent]:
        """Wait for a change that never happens."""
        if path.endswith(f"/{self._plural}"):
            self.watched.set()
        await asyncio.Event().wait()
        yield WatchEvent(path, {**query, "since": since, "seconds": seconds})

    async def get(self, path: str) -> Json:
        """Return no Lease."""
        raise NotFoundError(path, 404, "NotFound")


def forbidding(plural: str) -> Cluster:
    """Return a cluster whose reader may not list this."""
    return Cluster(plural, RefusedError("may not", 403, "Forbidden"))


async def test_missing_right_is_named_until_it_is_granted() -> None:
    """However many ask: they wait for the lists together, and none after another."""
    cluster = forbidding("endpointslices")
    watched = WatchedCluster(cluster, "exalb-system", listing_seconds=SECONDS)
    said = SAID.format("EndpointSlice", "endpointslices")
    async with Server(Overviews(watched)).listen(0) as url, aiohttp.ClientSession() as browser:

        async def explained() -> tuple[int, str]:
            async with browser.get(f"{url}explain", params={"subject": "node/n1"}) as answer:
                return answer.status, (await answer.json()).get("error", "")

        async with asyncio.timeout(20 * SECONDS):
            assert set(await asyncio.gather(*(explained() for _ in range(50)))) == {(503, said)}
        async with asyncio.timeout(20), browser.get(f"{url}events") as stream:
            assert await stream.text() == f"event: missing\ndata: {said}\n\n"
        cluster.error = None
        await asyncio.wait_for(cluster.watched.wait(), 20)
        assert await explained() == (200, "")
    watched.stop()


async def test_store_of_the_program_may_lack_a_kind_too() -> None:
    held = Store([kind for kind in READ if kind is not ENDPOINT_SLICE])
    for kind in held.kinds:
        if kind is not NODE:
            held.replace_all(kind, (), 1)
    watched = WatchedCluster(Cluster("", None), "exalb-system", held=held, listing_seconds=SECONDS)
    overviews = Overviews(watched)
    async with asyncio.timeout(20):
        with pytest.raises(NotListedError, match=r"Not listed yet: Node\. "):
            await overviews.ask(str)
        held.replace_all(NODE, (), 1)
        assert await overviews.ask(lambda seen: seen.cluster.nodes) == {}
    watched.stop()


async def test_mistake_that_ends_the_watches_is_seen() -> None:
    """By all who ask, also later: nothing is up to date from then on."""
    watched = WatchedCluster(Cluster("nodes", ValueError("a mistake")), "exalb-system", listing_seconds=LONG)
    watched.start()
    for _ in range(2):
        async with asyncio.timeout(LONG):
            with pytest.raises(ExceptionGroup) as raised:
                await watched.cluster()
        assert raised.group_contains(ValueError, match="a mistake")
