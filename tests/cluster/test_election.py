"""A leader that is cut off stops writing while its Lease still runs, and before anybody else leads."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from exalb.kube.client import ApiClient
from exalb.kube.credentials import load_credentials
from exalb.kube.leader_election import Election
from tests.cluster.following import running
from tests.lab import layout, wait
from tests.lab.nodeconfig import API_PORT
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Programs
from tests.support.kubernetes.world import World


async def seen(what: str, condition: Callable[[], bool]) -> None:
    """Return when a condition is true."""
    await asyncio.to_thread(wait.until, what, condition, seconds=60)


def leader(*begins: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    """Return what leads until its time is over, and notes when it begins."""

    async def lead() -> None:
        for begin in begins:
            begin()
        await asyncio.Event().wait()

    return lead


@pytest.fixture
async def other(world: World, programs: Programs) -> AsyncIterator[ApiClient]:
    """Return a client whose way stays open."""
    address = str(layout.on_fabric(layout.CONTROL_PLANE)[0].ip)
    with Gate(world.cluster.control_plane.namespace, address, API_PORT) as gate:
        async with ApiClient(load_credentials(str(programs.user("other", gate.url)))) as api:
            yield api


async def test_leader_without_connection_stops_writing_in_time(
    api: ApiClient, other: ApiClient, world: World, gate: Gate
) -> None:
    first = Election(api, world.namespace, "lease", "first")
    second = Election(other, world.namespace, "lease", "second")
    found: list[tuple[bool, bool]] = []
    async with running(first.run(leader())):
        await seen("the first may write", first.may_write)
        gate.shut()
        async with running(second.run(leader(lambda: found.append((first.leading, first.may_write()))))):
            await seen("the first may not write", lambda: not first.may_write())
            assert first.leading, "what it sent at the last moment would not be settled within its time"
            await seen("the second leads", lambda: bool(found))
            assert second.may_write()
            assert found == [(False, False)], "two led at one moment"


async def test_leader_that_ends_gives_back_a_lease_that_it_saw_in_an_older_version(
    api: ApiClient, world: World
) -> None:
    """As when its own renewal is on the way at that moment; else the next leader would wait for the Lease to end."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{world.namespace}/leases/lease"
    first = Election(api, world.namespace, "lease", "first")
    async with running(first.run(leader())):
        await seen("the first may write", first.may_write)
        await asyncio.to_thread(world.change, path, {"metadata": {"annotations": {"example.com/changed": "now"}}})
    assert world.api.get(path)["spec"].get("holderIdentity", "") == ""
