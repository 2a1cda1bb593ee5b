"""The store: slices by their Service, the barrier before the first decision, unreadable objects, a server restored."""

from typing import Any

from exalb.kube.store import Store
from exalb.model.cluster import Key
from exalb.model.kinds import ENDPOINT_SLICE, HELD_SERVICE, NAMESPACE, SERVICE, Kind
from tests.support import objects
from tests.support.objects import at_version


def listed(store: Store, kind: Kind, version: int, *raws: dict[str, Any]) -> None:
    listing = store.listing(kind)
    listing.add(raws, version)
    listing.finish()


def endpoint_slice(name: str, service: str, version: int, *addresses: str) -> dict[str, Any]:
    entries = [objects.endpoint(address) for address in addresses]
    return at_version(version, objects.endpoints(f"default/{service}", *entries, name=name))


def namespace(name: str, version: int, **labels: str) -> dict[str, Any]:
    return at_version(version, objects.namespace(name, **labels))


def service(name: str, version: int, *held: str, **spec: Any) -> dict[str, Any]:
    return at_version(version, objects.service(f"default/{name}", *held, **{"ports": [{"port": 80}], **spec}))


def test_slices_stand_with_their_service_and_follow_it() -> None:
    store = Store([ENDPOINT_SLICE])
    web, api = Key("default", "web"), Key("default", "api")
    listed(store, ENDPOINT_SLICE, 3, endpoint_slice("b", "web", 1, "10.0.0.1"), endpoint_slice("a", "web", 2))
    first = store.snapshot().slices
    assert [one.key.name for one in first[web]] == ["a", "b"]
    store.put(ENDPOINT_SLICE, endpoint_slice("c", "api", 4))
    second = store.snapshot().slices
    assert second[web] is first[web], "a Service whose slices did not change keeps its tuple"
    store.put(ENDPOINT_SLICE, endpoint_slice("c", "web", 5))
    assert [one.key.name for one in store.snapshot().slices[web]] == ["a", "b", "c"]
    assert api not in store.snapshot().slices
    for name in "abc":
        store.remove(ENDPOINT_SLICE, endpoint_slice(name, "web", 6))
    assert not store.snapshot().slices


def test_nothing_is_synced_before_every_kind_was_listed() -> None:
    store = Store([NAMESPACE, SERVICE])
    listed(store, NAMESPACE, 1)
    assert store.missing() == {"Service"}
    assert not store.synced.is_set()
    listed(store, SERVICE, 1)
    assert store.synced.is_set()


def test_what_changes_nothing_that_matters_rings_no_bell() -> None:
    store = Store([NAMESPACE])
    listed(store, NAMESPACE, 1, namespace("a", 1, team="red"))
    before = store.snapshot()
    store.changed.clear()
    store.put(NAMESPACE, namespace("a", 2, team="red"))
    assert not store.changed.is_set()
    assert store.snapshot().namespaces is before.namespaces
    store.put(NAMESPACE, namespace("a", 3, team="blue"))
    assert store.changed.is_set()


def test_slices_ring_the_bell_when_their_service_is_there_and_it_has_an_address() -> None:
    store = Store([HELD_SERVICE, ENDPOINT_SLICE])
    listed(store, HELD_SERVICE, 1)
    listed(store, ENDPOINT_SLICE, 1)
    store.changed.clear()
    store.put(HELD_SERVICE, service("web", 2))
    store.put(ENDPOINT_SLICE, endpoint_slice("a", "web", 3, "10.0.0.1"))
    assert not store.changed.is_set()
    store.put(HELD_SERVICE, service("web", 4, "198.51.100.1"))
    assert store.changed.is_set()
    [found] = store.snapshot().slices.values()
    assert [one.key.name for one in found] == ["a"], "what did not ring is there all the same"
    store.changed.clear()
    store.put(ENDPOINT_SLICE, endpoint_slice("a", "web", 5, "10.0.0.2"))
    assert store.changed.is_set()


def test_a_speaker_has_no_round_for_what_a_controller_writes_beside_the_addresses() -> None:
    store = Store([HELD_SERVICE])
    raw = objects.assigned_service("default/web", "198.51.100.1", ports=[{"port": 80}])
    listed(store, HELD_SERVICE, 1, at_version(1, raw))
    before = store.snapshot()
    store.changed.clear()
    announced = objects.condition("exalb.io/Announced", "True", "Announced", "by 2 nodes")
    status = {**raw["status"], "conditions": [*raw["status"]["conditions"], announced]}
    store.put(HELD_SERVICE, at_version(2, {**raw, "status": status}))
    assert not store.changed.is_set()
    assert store.snapshot().services is before.services
    store.put(HELD_SERVICE, at_version(3, {**raw, "status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.2"}]}}}))
    assert store.changed.is_set()


def test_an_object_that_cannot_be_read_is_absent_alone_and_comes_back() -> None:
    store = Store([SERVICE])
    listed(store, SERVICE, 3, service("good", 1), service("odd", 2, ports=[{"port": "many"}]))
    assert [key.name for key in store.snapshot().services] == ["good"]
    store.put(SERVICE, service("odd", 4))
    assert {key.name for key in store.snapshot().services} == {"good", "odd"}
    store.put(SERVICE, service("odd", 5, ports=[{"port": "many"}]))
    assert [key.name for key in store.snapshot().services] == ["good"]


def test_a_server_restored_from_a_backup_is_believed() -> None:
    store = Store([NAMESPACE])
    listed(store, NAMESPACE, 100, namespace("a", 90, team="red"), namespace("b", 95))
    listed(store, NAMESPACE, 50, namespace("a", 40, team="blue"))
    assert {name: one.labels["team"] for name, one in store.snapshot().namespaces.items()} == {"a": "blue"}
    store.put(NAMESPACE, namespace("b", 51))
    assert set(store.snapshot().namespaces) == {"a", "b"}


def test_snapshots_know_what_changed_between_two() -> None:
    store = Store((SERVICE, ENDPOINT_SLICE))
    listed(store, SERVICE, 4, service("a", 1, "203.0.113.1"), service("b", 2, "203.0.113.2"))
    listed(store, ENDPOINT_SLICE, 4, endpoint_slice("a-1", "a", 3, "10.0.0.1"))
    before = store.snapshot()
    store.put(SERVICE, service("b", 5, "203.0.113.3"))
    store.put(ENDPOINT_SLICE, endpoint_slice("a-1", "a", 6, "10.0.0.2"))
    after = store.snapshot()
    assert after.services.changed_since(before.services) == (Key("default", "b"),)  # type: ignore[attr-defined]
    assert after.slices.changed_since(before.slices) == (Key("default", "a"),)  # type: ignore[attr-defined]
