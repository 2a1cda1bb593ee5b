"""The order and the pace of writes: an object of ours once in its interval, and the namespaces in turns."""

import asyncio
import contextlib
import math
from collections.abc import Mapping
from typing import Any

import pytest

from exalb.kube.client import Json
from exalb.kube.event_recorder import EventRecorder
from exalb.kube.store import Store
from exalb.kube.writer import IN_FLIGHT, LARGEST_ROUND, Writer
from exalb.model.kinds import BY_NAME, SERVICE, Kind, Role
from exalb.model.patches import Changes, EventDraft, ObjectKey, StatusWrite
from tests.support.counting import instructions


class Server:
    """Answers every write, in memory."""

    def __init__(self) -> None:
        self.patched: list[str] = []
        self.posted: list[str] = []
        self.has_stranger = asyncio.Event()

    async def get(self, path: str) -> Json:
        """Answer that there is an object."""
        return {"metadata": {"name": path, "resourceVersion": "1"}}

    async def post(self, path: str, body: Mapping[str, Any]) -> Json:
        """Create an object."""
        self.posted.append(path)
        if "/stranger/" in path:
            self.has_stranger.set()
        return {**body, "path": path}

    async def patch(self, path: str, body: Mapping[str, Any], media_type: str) -> Json:
        """Note the write."""
        self.patched.append(path)
        return {"metadata": {"name": "x", "resourceVersion": "2"}, **body, "type": media_type}


@pytest.mark.parametrize("kind", BY_NAME.values(), ids=lambda kind: kind.name)
async def test_custom_resource_is_written_once_in_its_interval(kind: Kind) -> None:
    server, store = Server(), Store([kind])
    writer = Writer(server, store, EventRecorder(server, "exalb.io/test", "here"))
    namespace = "default" if kind.namespaced else None
    for number in range(3):
        body: Json = {"metadata": {"name": "x", "namespace": namespace, "resourceVersion": str(number)}}
        await writer.apply(Changes((StatusWrite(kind.name, namespace, "x", "uid", "1", body, "merge"),)))
    assert len(server.patched) == (3 if kind.role is Role.CORE else 1)


CROWD = 5_000


def write_of(namespace: str, name: str) -> StatusWrite:
    """Return the write of one Service."""
    body: Json = {"metadata": {"name": name, "namespace": namespace, "resourceVersion": "1"}}
    return StatusWrite("Service", namespace, name, "uid", "1", body, "strategic")


def event_of(write: StatusWrite) -> EventDraft:
    """Return the event about a write."""
    after = ObjectKey(write.kind, write.namespace, write.name)
    regarding = ("Service", "v1", write.namespace, write.name, "uid")
    return EventDraft(*regarding, "Warning", "PoolExhausted", "no address", "Assign", after)


async def test_service_beside_a_crowd_is_written_first_and_the_round_is_short() -> None:
    """5,000 refused Services of one namespace do not delay the youngest Service of another one."""
    server, store = Server(), Store([SERVICE])
    store.changed.clear()
    writes = (*(write_of("crowd", f"s{number}") for number in range(CROWD)), write_of("stranger", "web"))
    await Writer(server, store, None, round_seconds=math.inf).apply(Changes(writes))
    assert len(server.patched) == LARGEST_ROUND
    assert SERVICE.object("web", "stranger") + "/status" in server.patched[:2]
    assert store.changed.is_set(), "the rest needs another round"


def test_cost_of_a_round_is_linear() -> None:
    """A list in which each write was looked for made a round with 5,000 refused Services last for seconds."""

    def cost(count: int) -> int:
        writer, store = Server(), Store([SERVICE])
        writes = Changes(tuple(write_of("crowd", f"s{number}") for number in range(count)))

        async def apply() -> None:
            await Writer(writer, store, None, round_seconds=0.0).apply(writes)

        return instructions(lambda: asyncio.run(apply()))

    assert cost(1000) < 6 * cost(250)


async def test_round_ends_where_the_api_server_is_slow() -> None:
    """Whoever comes meanwhile is decided about in the next round, which begins with each namespace once more."""
    server, store = Server(), Store([SERVICE])
    store.changed.clear()
    crowd = tuple(write_of("crowd", f"s{number}") for number in range(100))
    await Writer(server, store, None, round_seconds=0.0).apply(Changes(crowd))
    assert len(server.patched) == IN_FLIGHT
    assert store.changed.is_set(), "the rest needs another round"


async def test_small_round_is_whole() -> None:
    server, store = Server(), Store([SERVICE])
    store.changed.clear()
    await Writer(server, store, None).apply(Changes(tuple(write_of("a", f"s{number}") for number in range(20))))
    assert len(server.patched) == 20
    assert not store.changed.is_set()


async def test_event_beside_a_crowd_is_posted_in_its_turn() -> None:
    server = Server()
    events = EventRecorder(server, "exalb.io/test", "here")
    for number in range(CROWD):
        events.post(event_of(write_of("crowd", f"s{number}")))
    events.post(event_of(write_of("stranger", "web")))
    task = asyncio.create_task(events.run())
    async with asyncio.timeout(30):
        await server.has_stranger.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert len(server.posted) < 10
