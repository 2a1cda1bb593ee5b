"""A speaker on a real API server, with a BGP engine in memory: routes follow, reports are true, and peace is quiet."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from exalb.kube.client import ApiClient
from exalb.kube.credentials import load_credentials
from exalb.programs.settings import SpeakerSettings
from exalb.programs.speaker import Speaker
from exalb_bgp.memory import MemoryDriver
from exalb_bgp.rib import Prefix
from exalb_bgp.steps import Announce, Withdraw
from tests.cluster.following import running
from tests.lab import wait
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Programs
from tests.support.kubernetes.world import OURS, World
from tests.support.objects import assigned_service

NODE = "speaker-node"
PEER = {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1"}
ADDRESS = "198.51.100.7"
ROUTE = f"{ADDRESS}/32"


class Talk:
    """A speaker in this process, and the routes that it announces to its peer."""

    def __init__(self, driver: MemoryDriver) -> None:
        self.driver = driver

    def routes(self) -> set[Prefix]:
        """Return the routes that the peer has."""
        return set(self.driver.tables.get("tor", {}))

    async def until(self, *routes: str) -> None:
        """Return when the peer holds these routes, and no others."""
        wanted = {ip_network(route) for route in routes}
        await asyncio.to_thread(wait.until, f"the peer holds {routes}", lambda: self.routes() == wanted)


@contextlib.asynccontextmanager
async def talking(kubeconfig: Path, driver: MemoryDriver) -> AsyncIterator[Talk]:
    """Run a speaker for NODE."""
    settings = SpeakerSettings(node_name=NODE, listen="127.0.0.1:0", data_plane="off")
    async with ApiClient(load_credentials(str(kubeconfig))) as api, running(Speaker(api, driver, settings).run()):
        yield Talk(driver)


@pytest.fixture
def town(world: World) -> World:
    """Return a world with a node, a peer, a pool, and a Service that has an address and one ready endpoint."""
    world.custom("bgppeers", "BGPPeer", "tor", PEER)
    world.pool("main", "198.51.100.0/24")
    world.node(NODE, "10.0.0.1")
    world.service("web")
    give(world, "web", ADDRESS)
    world.endpoints("web", "10.1.0.1", node=NODE)
    return world


def give(world: World, name: str, address: str) -> None:
    """Give a Service an address, as the controller would."""
    world.change(f"{world.services}/{name}/status", {"status": assigned_service(name, address)["status"]})


def report(world: World) -> dict[str, Any]:
    """Return the status of the node's BGPSpeaker."""
    found = world.api.find(f"{OURS}/bgpspeakers/{NODE}") or {}
    status: dict[str, Any] = found.get("status", {})
    return status


async def reported(world: World, summary: str, prefixes: int) -> None:
    """Wait until the report has this summary and this number of prefixes."""

    def said() -> bool:
        return (report(world).get("summary"), report(world).get("prefixes")) == (summary, prefixes)

    await asyncio.to_thread(wait.until, f"the report says {summary}, {prefixes} prefixes", said)


async def test_routes_follow_endpoints_and_addresses(town: World, kubeconfig: Path) -> None:
    async with talking(kubeconfig, MemoryDriver()) as talk:
        await talk.until(ROUTE)
        town.endpoints("web", "10.1.0.1", node=NODE, ready=False)
        await talk.until()
        town.endpoints("web", "10.1.0.1", node=NODE)
        await talk.until(ROUTE)
        give(town, "web", "198.51.100.9")
        await talk.until("198.51.100.9/32")
        town.delete(f"{town.services}/web")
        await talk.until()


async def test_local_traffic_is_announced_by_nodes_with_endpoints_only(town: World, kubeconfig: Path) -> None:
    town.change(f"{town.services}/web", {"spec": {"externalTrafficPolicy": "Local"}})
    async with talking(kubeconfig, MemoryDriver()) as talk:
        await talk.until(ROUTE)
        town.endpoints("web", "10.1.0.1", node="elsewhere")
        await talk.until()


async def test_unready_node_announces_but_node_without_network_does_not(town: World, kubeconfig: Path) -> None:
    status = f"/api/v1/nodes/{NODE}/status"
    async with talking(kubeconfig, MemoryDriver()) as talk:
        await talk.until(ROUTE)
        town.change(status, conditions(Ready="False"))
        town.service("late")
        give(town, "late", "198.51.100.8")
        town.endpoints("late", "10.1.0.2", node=NODE)
        await talk.until(ROUTE, "198.51.100.8/32")
        town.change(status, conditions(Ready="False", NetworkUnavailable="True"))
        await talk.until()
        town.change(status, conditions(Ready="True", NetworkUnavailable="False"))
        await talk.until(ROUTE, "198.51.100.8/32")


def conditions(**statuses: str) -> dict[str, Any]:
    """Return the status of a Node with these conditions."""
    return {"status": {"conditions": [{"type": kind, "status": status} for kind, status in statuses.items()]}}


async def test_speaker_that_ends_with_its_machine_withdraws_its_routes(town: World, kubeconfig: Path) -> None:
    """The kubelet says so just before the signal; a speaker that ends alone leaves them."""
    async with talking(kubeconfig, MemoryDriver()) as talk:
        await talk.until(ROUTE)
    assert talk.routes() == {ip_network(ROUTE)}
    shutdown = {"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "node is shutting down"}
    async with talking(kubeconfig, MemoryDriver()) as talk:
        await talk.until(ROUTE)
        town.change(f"/api/v1/nodes/{NODE}/status", {"status": {"conditions": [shutdown]}})
    assert talk.routes() == set()


async def test_deleted_node_withdraws_and_closes_its_sessions(town: World, kubeconfig: Path) -> None:
    driver = MemoryDriver()
    async with talking(kubeconfig, driver) as talk:
        await talk.until(ROUTE)
        town.delete(f"/api/v1/nodes/{NODE}")
        await asyncio.to_thread(wait.until, "there is no session", lambda: not driver.status().sessions)
        assert talk.routes() == set()
        steps = [step for step in driver.steps if isinstance(step, Announce | Withdraw)]
        assert isinstance(steps[-1], Withdraw)


async def test_routes_stay_announced_without_the_api_server(town: World, kubeconfig: Path, gate: Gate) -> None:
    driver = MemoryDriver()
    async with talking(kubeconfig, driver) as talk:
        await talk.until(ROUTE)
        steps = len(driver.steps)
        gate.shut()
        town.service("late")
        give(town, "late", "198.51.100.8")
        town.endpoints("late", "10.1.0.2", node=NODE)
        await asyncio.to_thread(wait.until, "every watch has knocked twice", lambda: gate.refused >= 16)
        assert talk.routes() == {ip_network(ROUTE)}
        gate.open()
        await talk.until(ROUTE, "198.51.100.8/32")
        assert [step for step in driver.steps[steps:] if ip_network(ROUTE) in getattr(step, "prefixes", ())] == []


async def test_restart_without_changes_announces_and_writes_nothing(
    town: World, programs: Programs, gate: Gate
) -> None:
    driver = MemoryDriver()
    async with talking(programs.user("speaker-one", gate.url), driver) as talk:
        await talk.until(ROUTE)
        await reported(town, "1/1", 1)
        steps, before = len(driver.steps), town.end_of_audit
        engine = asyncio.create_task(driver.run())  # the engine lives on while the speaker is away
    async with talking(programs.user("speaker-two", gate.url), driver) as talk:
        town.service("probe")
        give(town, "probe", "198.51.100.8")
        town.endpoints("probe", "10.1.0.2", node=NODE)
        await talk.until(ROUTE, "198.51.100.8/32")
        await reported(town, "1/1", 2)
        assert [step for step in driver.steps[steps:] if ip_network(ROUTE) in getattr(step, "prefixes", ())] == []
        assert [write.name for write in town.writes("speaker-two", before)] == [NODE], "more than the probe's report"
    engine.cancel()


async def test_report_has_the_sessions(town: World, kubeconfig: Path) -> None:
    driver = MemoryDriver()
    async with talking(kubeconfig, driver) as talk:
        await talk.until(ROUTE)
        await reported(town, "1/1", 1)
        owner = town.api.get(f"{OURS}/bgpspeakers/{NODE}")["metadata"]["ownerReferences"][0]
        assert (owner["kind"], owner["name"]) == ("Node", NODE)
        session = report(town)["sessions"][0]
        assert (session["peer"], session["state"], session["prefixesSent"]) == ("tor", "Established", 1)
        driver.close("tor")
        await reported(town, "0/1", 1)
        assert report(town)["sessions"][0]["lastError"]


async def test_controller_and_speaker_announce_a_service(
    town: World, programs: Programs, kubeconfig: Path, gate: Gate
) -> None:
    programs.controller("giver", gate.url, town.namespace)
    async with talking(kubeconfig, MemoryDriver()) as talk:
        town.service("shop")
        town.endpoints("shop", "10.1.0.3", node=NODE)
        address = await asyncio.to_thread(town.wait_address, "shop")
        await talk.until(ROUTE, f"{address}/32")
        town.delete(f"{town.services}/shop")
        await talk.until(ROUTE)
