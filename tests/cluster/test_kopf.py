"""kopf feeds the store with the resources that people write, misses nothing that vanished, and writes nothing."""

from exalb.apiserver import ApiServer
from exalb.cluster import Cluster
from exalb.credentials import Credentials
from exalb.store import Store
from exalb.watch import FOLLOWED, KopfFeed
from tests.cluster.following import running, seen
from tests.cluster.fresh import forgetful_server
from tests.cluster.gate import Gate
from tests.cluster.world import OURS, World

PEER_SPEC = {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1"}


def pools(picture: Cluster, world: World) -> set[str]:
    return {name for name in picture.pools if f"{OURS}/ipaddresspools/{name}" in world.made}


async def test_it_feeds_what_comes_changes_and_goes(api: ApiServer, credentials: Credentials, world: World) -> None:
    made = world.pool("before", "198.51.100.0/25")
    store = Store(FOLLOWED)
    async with running(KopfFeed(api, credentials, store).run()):
        await seen(store, lambda picture: pools(picture, world) == {"before"})
        world.pool("after", "198.51.100.128/25")
        world.custom("bgppeers", "BGPPeer", "tor", PEER_SPEC)
        world.custom("bgpadvertisements", "BGPAdvertisement", "all", {"ipAddressPools": ["after"]})
        await seen(store, lambda picture: pools(picture, world) == {"before", "after"})
        await seen(store, lambda picture: "tor" in picture.peers and "all" in picture.advertisements)
        disabled = {"spec": {"disabled": True}}
        world.api.request("PATCH", f"{OURS}/ipaddresspools/after", disabled, kind="application/merge-patch+json")
        await seen(store, lambda picture: bool((spec := picture.pools["after"].spec) and spec.disabled))
        world.delete(f"{OURS}/ipaddresspools/after")
        await seen(store, lambda picture: pools(picture, world) == {"before"})
        held = world.api.get(f"{OURS}/ipaddresspools/before")["metadata"]
        assert held["resourceVersion"] == made["metadata"]["resourceVersion"], "kopf wrote to a pool"


async def test_a_kopf_that_fails_is_started_again(api: ApiServer, credentials: Credentials, world: World) -> None:
    failures = iter([False] * 8 + [True] * 4)

    def unreadable_at_times() -> str | None:
        if next(failures, False):
            raise RuntimeError("no token")  # the kind of error that ends kopf
        return credentials.authorization()

    store = Store(FOLLOWED)
    unsteady = Credentials(credentials.server, credentials.tls, unreadable_at_times)
    async with running(KopfFeed(api, unsteady, store).run()):
        world.pool("before", "198.51.100.0/25")
        await seen(store, lambda picture: pools(picture, world) == {"before"})
        assert not any(failures), "kopf never failed"
        world.pool("after", "198.51.100.128/25")
        await seen(store, lambda picture: pools(picture, world) == {"before", "after"})


async def test_what_vanished_in_forgotten_history_is_gone(
    api: ApiServer, credentials: Credentials, world: World, gate: Gate
) -> None:
    world.pool("ghost", "198.51.100.0/25")
    world.pool("kept", "198.51.100.128/25")
    store = Store(FOLLOWED)
    async with running(KopfFeed(api, credentials, store).run()):
        await seen(store, lambda picture: pools(picture, world) == {"ghost", "kept"})
        gate.shut()
        world.delete(f"{OURS}/ipaddresspools/ghost")
        with forgetful_server(world.cluster) as port:
            gate.lead_to(port)
            gate.open()
            await seen(store, lambda picture: pools(picture, world) == {"kept"})
            world.pool("new", "198.51.100.0/25")
            await seen(store, lambda picture: pools(picture, world) == {"kept", "new"})
