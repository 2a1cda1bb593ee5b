"""kopf feeds the store with the resources that people write, misses nothing that vanished, and writes nothing."""

from collections.abc import Iterator

import pytest

from exalb.kube.client import ApiClient
from exalb.kube.credentials import Credentials
from exalb.kube.kopf_feed import SILENT_SECONDS, KopfFeed
from exalb.kube.store import Store
from exalb.model.cluster import Cluster
from exalb.model.kinds import CONFIGURATION
from tests.cluster.following import running, seen
from tests.cluster.fresh import forgetful_server
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.world import OURS, World

PEER_SPEC = {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1"}


def pools(snapshot: Cluster, world: World) -> set[str]:
    return {name for name in snapshot.pools if f"{OURS}/ipaddresspools/{name}" in world.made}


async def test_kopf_feed_follows_objects(api: ApiClient, credentials: Credentials, world: World) -> None:
    made = world.pool("before", "198.51.100.0/25")
    store = Store(CONFIGURATION)
    async with running(KopfFeed(api, credentials, store).run()):
        await seen(store, lambda snapshot: pools(snapshot, world) == {"before"})
        world.pool("after", "198.51.100.128/25")
        world.custom("bgppeers", "BGPPeer", "tor", PEER_SPEC)
        world.custom("bgpadvertisements", "BGPAdvertisement", "all", {"ipAddressPools": ["after"]})
        await seen(store, lambda snapshot: pools(snapshot, world) == {"before", "after"})
        await seen(store, lambda snapshot: "tor" in snapshot.peers and "all" in snapshot.advertisements)
        disabled = {"spec": {"disabled": True}}
        world.api.request("PATCH", f"{OURS}/ipaddresspools/after", disabled, kind="application/merge-patch+json")
        await seen(store, lambda snapshot: bool((spec := snapshot.pools["after"].spec) and spec.disabled))
        world.delete(f"{OURS}/ipaddresspools/after")
        await seen(store, lambda snapshot: pools(snapshot, world) == {"before"})
        held = world.api.get(f"{OURS}/ipaddresspools/before")["metadata"]
        assert held["resourceVersion"] == made["metadata"]["resourceVersion"], "kopf wrote to a pool"


def failing(credentials: Credentials, error: Exception) -> tuple[Credentials, Iterator[bool]]:
    """Return credentials that fail at the eleventh and twelfth request, and an iterator that says what is to come."""
    failures = iter([False] * 10 + [True] * 2)

    def unreadable_at_times() -> str | None:
        if next(failures, False):
            raise error
        return credentials.authorization()

    return Credentials(credentials.server, credentials.tls, unreadable_at_times), failures


@pytest.mark.parametrize(
    ("error", "silent_seconds"),
    [
        pytest.param(RuntimeError("no token"), 3.0, id="it hangs"),
        pytest.param(OSError("no token"), SILENT_SECONDS, id="it asks again"),
    ],
)
async def test_kopf_follows_objects_after_a_failure(
    api: ApiClient, credentials: Credentials, world: World, error: Exception, silent_seconds: float
) -> None:
    store = Store(CONFIGURATION)
    unsteady, failures = failing(credentials, error)
    async with running(KopfFeed(api, unsteady, store, silent_seconds).run()):
        world.pool("before", "198.51.100.0/25")
        await seen(store, lambda snapshot: pools(snapshot, world) == {"before"}, seconds=90)
        assert not any(failures), "kopf never failed"
        world.pool("after", "198.51.100.128/25")
        await seen(store, lambda snapshot: pools(snapshot, world) == {"before", "after"}, seconds=90)


async def test_object_deleted_in_lost_history_is_removed(
    api: ApiClient, credentials: Credentials, world: World, gate: Gate
) -> None:
    world.pool("ghost", "198.51.100.0/25")
    world.pool("kept", "198.51.100.128/25")
    store = Store(CONFIGURATION)
    async with running(KopfFeed(api, credentials, store).run()):
        await seen(store, lambda snapshot: pools(snapshot, world) == {"ghost", "kept"})
        gate.shut()
        world.delete(f"{OURS}/ipaddresspools/ghost")
        with forgetful_server(world.cluster) as port:
            gate.lead_to(port)
            gate.open()
            await seen(store, lambda snapshot: pools(snapshot, world) == {"kept"})
            world.pool("new", "198.51.100.0/25")
            await seen(store, lambda snapshot: pools(snapshot, world) == {"kept", "new"})
