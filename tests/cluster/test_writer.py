"""The writer knows what became of each of its writes: done, refused, overtaken, or of unknown outcome."""

import pytest

from exalb.kube.client import AmbiguousError, ApiClient, UnavailableError
from exalb.kube.credentials import Credentials
from exalb.kube.event_recorder import EventRecorder
from exalb.kube.reflector import Reflector
from exalb.kube.store import Store
from exalb.kube.writer import Writer
from exalb.model.kinds import SERVICE
from exalb.model.patches import Changes, EventDraft, ObjectKey, StatusWrite
from tests.cluster.following import running
from tests.lab.api import Json
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.world import World


class Counts:
    """How the writes ended."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []

    def __call__(self, kind: str, outcome: str) -> None:
        """Note one."""
        self.outcomes.append(f"{kind} {outcome}")


async def ready(api: ApiClient, world: World) -> tuple[Store, Writer, EventRecorder, Counts]:
    """Return a writer whose store holds the test's Services once."""
    store, events, counts = Store([SERVICE]), EventRecorder(api, "exalb.io/test", "here"), Counts()
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


async def test_store_has_a_written_status_at_once(api: ApiClient, world: World) -> None:
    service = world.service("web")
    store, writer, _, counts = await ready(api, world)
    await writer.apply(Changes((give(service, "198.51.100.1"),)))
    assert counts.outcomes == ["Service written"]
    assert held(store) == ["198.51.100.1"]
    assert store.changed.is_set(), "the next round has to look at it"


async def test_stale_write_is_refused_and_the_newer_object_is_read(api: ApiClient, world: World) -> None:
    service = world.service("web")
    store, writer, _, counts = await ready(api, world)
    world.change(f"{world.services}/web", {"metadata": {"labels": {"newer": "yes"}}})
    await writer.apply(Changes((give(service, "198.51.100.1"),)))
    assert counts.outcomes == ["Service conflict"]
    (seen,) = store.snapshot().services.values()
    assert seen.labels["newer"] == "yes"
    assert held(store) == []


async def test_object_is_read_again_when_the_answer_to_its_write_is_lost(
    api: ApiClient, world: World, gate: Gate
) -> None:
    service = world.service("web")
    store, writer, _, counts = await ready(api, world)
    gate.swallow_next_answer()
    await writer.apply(Changes((give(service, "198.51.100.1"),)))
    assert counts.outcomes == ["Service ambiguous"]
    assert held(store) == ["198.51.100.1"]


async def test_write_without_a_connection_is_unavailable(
    api: ApiClient, credentials: Credentials, world: World, gate: Gate
) -> None:
    service = world.service("web")
    store, _, events, counts = await ready(api, world)
    gate.shut()
    async with ApiClient(credentials) as without_connection:
        writer = Writer(without_connection, store, events, count=counts)
        with pytest.raises(UnavailableError) as away:
            await writer.apply(Changes((give(service, "198.51.100.1"),)))
    assert not isinstance(away.value, AmbiguousError)
    assert counts.outcomes == ["Service unavailable"]
    assert held(store) == []


async def test_refused_write_does_not_delay_others(api: ApiClient, world: World) -> None:
    bad, good = world.service("bad"), world.service("good")
    store, writer, _, counts = await ready(api, world)
    writes = (give(bad, "not an address"), give(good, "198.51.100.2"))
    await writer.apply(Changes(writes))
    assert sorted(counts.outcomes) == ["Service refused", "Service written"]
    await writer.apply(Changes(writes[:1]))
    assert len(counts.outcomes) == 2, "a refused write waits before it is tried again"
    assert {key.name: [str(ip) for ip in service.held] for key, service in store.snapshot().services.items()} == {
        "bad": [],
        "good": ["198.51.100.2"],
    }


async def test_writer_without_the_lease_does_not_write(api: ApiClient, world: World) -> None:
    service = world.service("web")
    store, _, events, counts = await ready(api, world)
    late = Writer(api, store, events, may_write=lambda: False, count=counts)
    with pytest.raises(UnavailableError, match="lease"):
        await late.apply(Changes((give(service, "198.51.100.1"),)))
    assert world.addresses("web") == []


async def test_events_follow_successful_writes_only(api: ApiClient, world: World) -> None:
    done, failed = world.service("done"), world.service("failed")
    _, writer, events, _ = await ready(api, world)
    notes = tuple(
        EventDraft(
            "Service", "v1", world.namespace, service["metadata"]["name"], service["metadata"]["uid"], "Normal",
            "Assigned", "x" * 2000, "Assign", ObjectKey("Service", world.namespace, service["metadata"]["name"]),
        )
        for service in (done, failed)
    )  # fmt: skip
    path = f"/apis/events.k8s.io/v1/namespaces/{world.namespace}/events"
    async with running(events.run()):
        await writer.apply(Changes((give(done, "198.51.100.1"), give(failed, "nonsense")), notes))
        await events.posted()
    assert [event["regarding"]["name"] for event in world.api.items(path)] == ["done"]
