"""A reflector has what the API server has: through changes, gaps, forgotten history and selectors."""

import pytest

from exalb.apiserver import ApiServer, GoneError
from exalb.cluster import Cluster
from exalb.kinds import NAMESPACE, SERVICE
from exalb.reflector import Reflector
from exalb.store import Store
from tests.cluster.following import running, seen
from tests.cluster.fresh import forgetful_server
from tests.cluster.gate import Gate
from tests.cluster.world import World


def names(picture: Cluster, world: World) -> set[str]:
    return {key.name for key in picture.services if key.namespace == world.namespace}


async def test_it_follows_what_comes_changes_and_goes(api: ApiServer, world: World) -> None:
    world.service("before")
    store = Store([SERVICE])
    async with running(Reflector(api, store, SERVICE, namespace=world.namespace).run()):
        await seen(store, lambda picture: names(picture, world) == {"before"})
        world.service("after", externalTrafficPolicy="Local")
        picture = await seen(store, lambda picture: names(picture, world) == {"before", "after"})
        assert {key.name: service.local_traffic for key, service in picture.services.items()} == {
            "before": False,
            "after": True,
        }
        world.delete(f"{world.services}/before")
        await seen(store, lambda picture: names(picture, world) == {"after"})


async def test_what_vanished_in_a_gap_is_gone(api: ApiServer, world: World, gate: Gate) -> None:
    world.service("ghost")
    store = Store([SERVICE])
    async with running(Reflector(api, store, SERVICE).run()):
        await seen(store, lambda picture: names(picture, world) == {"ghost"})
        gate.shut()
        world.delete(f"{world.services}/ghost")
        world.service("new")
        gate.open()
        await seen(store, lambda picture: names(picture, world) == {"new"})


async def test_what_vanished_in_forgotten_history_is_gone(api: ApiServer, world: World, gate: Gate) -> None:
    world.service("ghost")
    version = world.service("kept")["metadata"]["resourceVersion"]
    page = world.api.get(NAMESPACE.collection(), limit="1")
    store = Store([SERVICE])
    async with running(Reflector(api, store, SERVICE).run()):
        await seen(store, lambda picture: names(picture, world) == {"ghost", "kept"})
        gate.shut()
        world.delete(f"{world.services}/ghost")
        with forgetful_server(world.cluster) as port:
            gate.lead_to(port)
            gate.open()
            await seen(store, lambda picture: names(picture, world) == {"kept"})
            # The server says that it forgot in two ways: in the stream of a watch, and as the status of a list.
            with pytest.raises(GoneError):
                await anext(aiter(api.watch(SERVICE.collection(), {}, since=version, seconds=5)))
            with pytest.raises(GoneError):
                await anext(aiter(api.list(NAMESPACE.collection(), {"continue": page["metadata"]["continue"]})))


async def test_a_service_that_is_no_load_balancer_any_more_leaves_the_selection(api: ApiServer, world: World) -> None:
    world.service("web")
    world.service("inside", type="ClusterIP")
    store = Store([SERVICE])
    query = {"fieldSelector": "spec.type=LoadBalancer"}
    async with running(Reflector(api, store, SERVICE, query=query).run()):
        await seen(store, lambda picture: names(picture, world) == {"web"})
        world.change(f"{world.services}/web", {"spec": {"type": "ClusterIP"}})
        await seen(store, lambda picture: names(picture, world) == set())
        world.change(f"{world.services}/web", {"spec": {"type": "LoadBalancer"}})
        await seen(store, lambda picture: names(picture, world) == {"web"})
