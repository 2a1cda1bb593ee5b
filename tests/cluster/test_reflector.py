"""A reflector has what the API server has: through changes, gaps, forgotten history and selectors."""

import pytest

from exalb.kube.client import ApiClient, GoneError
from exalb.kube.reflector import Reflector
from exalb.kube.store import Store
from exalb.model.cluster import Cluster
from exalb.model.kinds import NAMESPACE, SERVICE
from tests.cluster.following import running, seen
from tests.cluster.fresh import forgetful_server
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.world import World


def names(snapshot: Cluster, world: World) -> set[str]:
    return {key.name for key in snapshot.services if key.namespace == world.namespace}


async def test_reflector_follows_objects(api: ApiClient, world: World) -> None:
    world.service("before")
    store = Store([SERVICE])
    async with running(Reflector(api, store, SERVICE, namespace=world.namespace).run()):
        await seen(store, lambda snapshot: names(snapshot, world) == {"before"})
        world.service("after", externalTrafficPolicy="Local")
        snapshot = await seen(store, lambda snapshot: names(snapshot, world) == {"before", "after"})
        assert {key.name: service.local_traffic for key, service in snapshot.services.items()} == {
            "before": False,
            "after": True,
        }
        world.delete(f"{world.services}/before")
        await seen(store, lambda snapshot: names(snapshot, world) == {"after"})


async def test_object_deleted_while_disconnected_is_removed(api: ApiClient, world: World, gate: Gate) -> None:
    world.service("ghost")
    store = Store([SERVICE])
    async with running(Reflector(api, store, SERVICE).run()):
        await seen(store, lambda snapshot: names(snapshot, world) == {"ghost"})
        gate.shut()
        world.delete(f"{world.services}/ghost")
        world.service("new")
        gate.open()
        await seen(store, lambda snapshot: names(snapshot, world) == {"new"})


async def test_object_deleted_in_lost_history_is_removed(api: ApiClient, world: World, gate: Gate) -> None:
    world.service("ghost")
    version = world.service("kept")["metadata"]["resourceVersion"]
    page = world.api.get(NAMESPACE.collection(), limit="1")
    store = Store([SERVICE])
    async with running(Reflector(api, store, SERVICE).run()):
        await seen(store, lambda snapshot: names(snapshot, world) == {"ghost", "kept"})
        gate.shut()
        world.delete(f"{world.services}/ghost")
        with forgetful_server(world.cluster) as port:
            gate.lead_to(port)
            gate.open()
            await seen(store, lambda snapshot: names(snapshot, world) == {"kept"})
            # The server says that it forgot in two ways: in the stream of a watch, and as the status of a list.
            with pytest.raises(GoneError):
                await anext(aiter(api.watch(SERVICE.collection(), {}, since=version, seconds=5)))
            with pytest.raises(GoneError):
                await anext(aiter(api.list(NAMESPACE.collection(), {"continue": page["metadata"]["continue"]})))


async def test_service_of_another_type_leaves_the_selection(api: ApiClient, world: World) -> None:
    world.service("web")
    world.service("inside", type="ClusterIP")
    store = Store([SERVICE])
    query = {"fieldSelector": "spec.type=LoadBalancer"}
    async with running(Reflector(api, store, SERVICE, query=query).run()):
        await seen(store, lambda snapshot: names(snapshot, world) == {"web"})
        world.change(f"{world.services}/web", {"spec": {"type": "ClusterIP"}})
        await seen(store, lambda snapshot: names(snapshot, world) == set())
        world.change(f"{world.services}/web", {"spec": {"type": "LoadBalancer"}})
        await seen(store, lambda snapshot: names(snapshot, world) == {"web"})
