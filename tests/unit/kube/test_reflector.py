"""A reflector whose watch broke off: it continues on the same server, and lists again on one that was restored."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from exalb.kube.client import Json, Page, UnavailableError, WatchEvent
from exalb.kube.reflector import Reflector
from exalb.kube.store import Store
from exalb.model.kinds import NAMESPACE
from tests.support.objects import namespace


class Server:
    """A server whose first watch breaks off, and which is at version `after` from then on."""

    def __init__(self, after: int) -> None:
        self.version, self._after = 100, after
        self.lists = 0
        self.watched = asyncio.Event()
        """Set when the second watch begins."""

    async def list(self, path: str, query: Mapping[str, str]) -> AsyncIterator[Page]:
        """Return one namespace, which the server had before the first watch, and one of the present."""
        del path, query
        self.lists += 1
        yield Page([raw(f"at-{self.version}", self.version - 10)], str(self.version))

    async def watch(self, path: str, query: Mapping[str, str], since: str, seconds: int) -> AsyncIterator[WatchEvent]:
        """Send one event and break off; the next watch is silent, as one from a version that is not there yet."""
        del path, query, since, seconds
        if self.version == self._after or self.lists > 1:
            self.watched.set()
            await asyncio.Event().wait()
        yield WatchEvent("ADDED", raw("late", 105))
        self.version = self._after
        raise UnavailableError("the connection broke")

    async def get(self, path: str) -> Json:
        """Return the least of a list."""
        assert path == "/api/v1/namespaces?limit=1"
        return {"metadata": {"resourceVersion": str(self.version)}}


def raw(name: str, version: int) -> Json:
    """Return a namespace."""
    found = namespace(name)
    return {**found, "metadata": {**found["metadata"], "resourceVersion": str(version)}}


@pytest.mark.parametrize(
    ("after", "lists", "names", "restored"),
    [(106, 1, {"at-100", "late"}, False), (105, 1, {"at-100", "late"}, False), (104, 2, {"at-104"}, True)],
    ids=["later", "the same", "earlier"],
)
async def test_broken_watch(after: int, lists: int, names: set[str], restored: bool) -> None:
    server, store = Server(after), Store([NAMESPACE])
    task = asyncio.create_task(Reflector(server, store, NAMESPACE).run())
    await asyncio.wait_for(server.watched.wait(), 20)
    task.cancel()
    assert server.lists == lists
    assert set(store.snapshot().namespaces) == names
    assert store.restored.is_set() == restored
