"""The largest objects that the API server takes: they end no session of a real ExaBGP, and cost nobody else a route."""

import asyncio
import contextlib
from collections.abc import Callable
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from typing import Any

from exalb.kube.client import ApiClient
from exalb.kube.credentials import load_credentials
from exalb.programs.settings import SpeakerSettings
from exalb.programs.speaker import Speaker
from exalb_bgp.exabgp.driver.driver import ExaBGPDriver
from tests.cluster.following import running
from tests.lab import wait
from tests.lab.api import ApiError, Json
from tests.support.bgp.listener import Listener
from tests.support.engine.process import Node
from tests.support.kubernetes.world import OURS, World
from tests.support.objects import assigned_service

NODE = "laden-node"
HUGE, GOOD, LATE = "198.51.100.7", "198.51.100.8", "198.51.100.9"
ANNOTATIONS = 262_144
"""Octets that the API server takes in all annotations of an object."""
LARGE = 1 << 20
STEP = 100_000


def communities(octets: int) -> str:
    """Return so many octets of a list of communities, none of them twice."""
    text = ",".join(f"{number >> 16}:{number & 65535}" for number in range(65536, 65536 + octets // 6))
    return text[:octets].rpartition(",")[0]


def labels(octets: int) -> dict[str, str]:
    """Return labels of so many octets."""
    return {f"label-{number:06}": "x" * 60 for number in range(octets // 72)}


def largest(make: Callable[[int], Json]) -> Json:
    """Make the largest object that is taken; the server's own account of its fields counts, too."""
    for octets in range(1_600_000, 0, -STEP):
        with contextlib.suppress(ApiError):
            return make(octets)
    raise AssertionError("no object is taken")


def give(world: World, name: str, address: str) -> None:
    """Give a Service an address, as the controller would."""
    world.change(f"{world.services}/{name}/status", {"status": assigned_service(name, address)["status"]})


def service(world: World, name: str, address: str, **metadata: Any) -> Json:
    """Make a Service with an address and an endpoint; return it as the API server has it."""
    raw = {"metadata": {"name": name, **metadata}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}}
    made = world.create(world.services, raw)
    give(world, name, address)
    world.endpoints(name, "10.1.0.1", node=NODE)
    return made


def prepare(world: World, router: Listener) -> list[Json]:
    """Make the objects; return the hostile ones."""
    peer = {"myASN": 64512, "peerASN": 64513, "peerAddress": str(router.address), "peerPort": router.port}
    world.custom("bgppeers", "BGPPeer", "tor", {**peer, "holdTime": 9})
    world.pool("main", "198.51.100.0/24")
    world.node(NODE, "10.0.0.1")
    request = {"exalb.io/communities": communities(ANNOTATIONS - 30)}
    web = largest(lambda octets: service(world, "huge", HUGE, annotations=request, labels=labels(octets)))
    spec = {"allowServiceOverrides": True, "communities": [f"64512:{number}" for number in range(63)]}
    everything = f"{OURS}/bgpadvertisements"
    world.made.append(f"{everything}/everything")
    identity = {"apiVersion": "exalb.io/v1beta1", "kind": "BGPAdvertisement"}

    def advertise(octets: int) -> Json:
        metadata = {"name": "everything", "labels": labels(octets)}
        return world.create(everything, {**identity, "metadata": metadata, "spec": spec})

    return [web, largest(advertise)]


async def test_largest_service_and_advertisement_end_no_session(world: World, kubeconfig: Path, tmp_path: Path) -> None:
    settings = SpeakerSettings(node_name=NODE, listen="127.0.0.1:0", data_plane="off")
    async with Listener(IPv4Address("127.0.0.2")) as router:
        with Node(tmp_path / "engine") as engine:
            objects = await asyncio.to_thread(prepare, world, router)
            assert [len(str(each)) > LARGE for each in objects] == [True, True], [len(str(each)) for each in objects]
            await asyncio.to_thread(service, world, "good", GOOD)
            driver = ExaBGPDriver(engine.settings)
            async with (
                ApiClient(load_credentials(str(kubeconfig))) as api,
                running(Speaker(api, driver, settings).run()),
            ):
                await router.holds({ip_network(f"{GOOD}/32")})
                await asyncio.to_thread(wait.until, "the report names the reason", lambda: withheld(world))
                await asyncio.to_thread(service, world, "late", LATE)
                await router.holds({ip_network(f"{address}/32") for address in (GOOD, LATE)})
                await asyncio.to_thread(world.delete, f"{world.services}/huge")
                await asyncio.to_thread(service, world, "after", HUGE)
                await router.holds({ip_network(f"{address}/32") for address in (GOOD, LATE, HUGE)})
            assert router.connections == 1


def withheld(world: World) -> bool:
    """Whether the report of the speaker says why the route is withheld."""
    report = world.api.find(f"{OURS}/bgpspeakers/{NODE}") or {}
    conditions = report.get("status", {}).get("conditions", [])
    return any(
        f"{world.namespace}/huge {HUGE}: TooManyCommunities" in entry.get("message", "")
        or f"{world.namespace}/huge {HUGE}: InvalidRequest" in entry.get("message", "")
        for entry in conditions
    )
