"""The writer knows what became of each of its writes: done, refused, overtaken, or of unknown outcome."""

import pytest

from exalb.apiserver import AmbiguousError, ApiServer, UnavailableError
from exalb.credentials import Credentials
from exalb.events import EventPoster
from exalb.kinds import SERVICE
from exalb.reflector import Reflector
from exalb.store import Store
from exalb.writer import Writer
from exalb.writes import Changes, EventNote, ObjectKey, StatusWrite
from tests.cluster.following import running
from tests.cluster.gate import Gate
from tests.cluster.world import World
from tests.lab.api import Json


class Counts:
    """How the writes ended."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []

    def __call__(self, kind: str, outcome: str) -> None:
        """Note one."""
        self.outcomes.append(f"{kind} {outcome}")


async def ready(api: ApiServer, world: World) -> tuple[Store, Writer, EventPoster, Counts]:
    """Return a writer whose store holds the test's Services once."""
    store, events, counts = Store([SERVICE]), EventPoster(api, "exalb.io/test", "here"), Counts()
    await Reflector(api, store, SERVICE, namespace=world.namespace).refresh()
    store.changed.clear()
    return store, Writer(api, store, events, count=counts), events, counts


def give(service: Json, address: str) -> StatusWrite:
    """Return the write that gives a Service an address."""
    metadata = service["metadata"]
    body = {
        "metadata": {"resourceVersion": metadata["resourceVersion"]},
        "status": {"loadBalancer": {"ingress": [{"ip": address}]}},
    }
    names = metadata["namespace"], metadata["name"]
    return StatusWrite("Service", *names, metadata["uid"], metadata["resourceVersion"], body, "strategic")


def held(store: Store) -> list[str]:
    """Return the addresses of the only Service."""
    (service,) = store.snapshot().services.values()
    return [str(address) for address in service.held]


async def test_what_is_written_is_known_at_once(api: ApiServer, world: World) -> None:
    service = world.service("web")
    store, writer, _, counts = await ready(api, world)
    await writer.carry_out(Changes((give(service, "198.51.100.1"),)))
    assert counts.outcomes == ["Service written"]
    assert held(store) == ["198.51.100.1"]
    assert store.changed.is_set(), "the next round has to look at it"


async def test_a_write_that_was_overtaken_is_not_done_and_the_newer_object_is_read(
    api: ApiServer, world: World
) -> None:
    service = world.service("web")
    store, writer, _, counts = await ready(api, world)
    world.change(f"{world.services}/web", {"metadata": {"labels": {"newer": "yes"}}})
    await writer.carry_out(Changes((give(service, "198.51.100.1"),)))
    assert counts.outcomes == ["Service conflict"]
    (seen,) = store.snapshot().services.values()
    assert seen.labels["newer"] == "yes"
    assert held(store) == []


async def test_a_write_whose_answer_is_lost_is_read_again(api: ApiServer, world: World, gate: Gate) -> None:
    service = world.service("web")
    store, writer, _, counts = await ready(api, world)
    gate.swallow_next_answer()
    await writer.carry_out(Changes((give(service, "198.51.100.1"),)))
    assert counts.outcomes == ["Service ambiguous"]
    assert held(store) == ["198.51.100.1"]


async def test_a_write_that_never_left_is_no_riddle(
    api: ApiServer, credentials: Credentials, world: World, gate: Gate
) -> None:
    service = world.service("web")
    store, _, events, counts = await ready(api, world)
    gate.shut()
    async with ApiServer(credentials) as without_connection:
        writer = Writer(without_connection, store, events, count=counts)
        with pytest.raises(UnavailableError) as away:
            await writer.carry_out(Changes((give(service, "198.51.100.1"),)))
    assert not isinstance(away.value, AmbiguousError)
    assert counts.outcomes == ["Service unavailable"]
    assert held(store) == []


async def test_a_refused_write_holds_up_nobody(api: ApiServer, world: World) -> None:
    bad, good = world.service("bad"), world.service("good")
    store, writer, _, counts = await ready(api, world)
    writes = (give(bad, "not an address"), give(good, "198.51.100.2"))
    await writer.carry_out(Changes(writes))
    assert sorted(counts.outcomes) == ["Service refused", "Service written"]
    await writer.carry_out(Changes(writes[:1]))
    assert len(counts.outcomes) == 2, "a refused write waits before it is tried again"
    assert {key.name: [str(ip) for ip in one.held] for key, one in store.snapshot().services.items()} == {
        "bad": [],
        "good": ["198.51.100.2"],
    }


async def test_who_may_not_write_does_not(api: ApiServer, world: World) -> None:
    service = world.service("web")
    store, _, events, counts = await ready(api, world)
    late = Writer(api, store, events, may_write=lambda: False, count=counts)
    with pytest.raises(UnavailableError, match="lease"):
        await late.carry_out(Changes((give(service, "198.51.100.1"),)))
    assert world.addresses("web") == []


async def test_an_event_follows_its_write_and_none_follows_a_failed_one(api: ApiServer, world: World) -> None:
    done, failed = world.service("done"), world.service("failed")
    _, writer, events, _ = await ready(api, world)
    notes = tuple(
        EventNote(
            "Service", "v1", world.namespace, one["metadata"]["name"], one["metadata"]["uid"], "Normal", "Assigned",
            "x" * 2000, "Assign", ObjectKey("Service", world.namespace, one["metadata"]["name"]),
        )
        for one in (done, failed)
    )  # fmt: skip
    path = f"/apis/events.k8s.io/v1/namespaces/{world.namespace}/events"
    async with running(events.run()):
        await writer.carry_out(Changes((give(done, "198.51.100.1"), give(failed, "nonsense")), notes))
        await events.posted()
    assert [event["regarding"]["name"] for event in world.api.items(path)] == ["done"]
