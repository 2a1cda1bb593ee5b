"""A leader that is cut off stops writing while its Lease still runs, and before anybody else leads.

Others follow the Lease by a watch, and lead after that time also when their watch shows nothing.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from exalb.kube.client import ApiClient, Json, RefusedError, WatchEvent
from exalb.kube.credentials import Credentials, load_credentials
from exalb.kube.leader_election import LEASE_SECONDS, RENEW_SECONDS, Election
from tests.cluster.following import running
from tests.lab import layout, wait
from tests.lab.nodeconfig import API_PORT
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Programs
from tests.support.kubernetes.world import World


async def seen(what: str, condition: Callable[[], bool], seconds: float = 60) -> None:
    """Return when a condition is true."""
    await asyncio.to_thread(wait.until, what, condition, seconds=seconds)


def leader(*begins: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    """Return what leads until its time is over, and notes when it begins."""

    async def lead() -> None:
        for begin in begins:
            begin()
        await asyncio.Event().wait()

    return lead


class Watchless(ApiClient):
    """A client whose watches show nothing: they hang, or are refused."""

    def __init__(self, credentials: Credentials, error: Exception | None) -> None:
        super().__init__(credentials)
        self._error = error

    async def watch(self, *_: object, **__: object) -> AsyncIterator[WatchEvent]:
        """Yield nothing."""
        if self._error:
            raise self._error
        await asyncio.Event().wait()
        yield WatchEvent("", {})


def lease_of(world: World) -> str:
    """Return the path of the test's Lease."""
    return f"/apis/coordination.k8s.io/v1/namespaces/{world.namespace}/leases/lease"


def spec_of_lease(world: World) -> Json:
    """Return the Lease as it is now."""
    found: Json = world.api.get(lease_of(world))["spec"]
    return found


@pytest.fixture
def open_way(world: World, programs: Programs) -> Iterator[Credentials]:
    """Return another way to the API server, which stays open."""
    address = str(layout.on_fabric(layout.CONTROL_PLANE)[0].ip)
    with Gate(world.cluster.control_plane.namespace, address, API_PORT) as gate:
        yield load_credentials(str(programs.user("other", gate.url)))


@pytest.fixture
async def other(open_way: Credentials) -> AsyncIterator[ApiClient]:
    """Return a client whose way stays open."""
    async with ApiClient(open_way) as api:
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
    first = Election(api, world.namespace, "lease", "first")
    async with running(first.run(leader())):
        await seen("the first may write", first.may_write)
        await asyncio.to_thread(
            world.change, lease_of(world), {"metadata": {"annotations": {"example.com/changed": "now"}}}
        )
    assert spec_of_lease(world).get("holderIdentity", "") == ""


async def follows(api: ApiClient, other: ApiClient, world: World, seconds: float) -> None:
    """Let a controller follow another for so long; a watch must do, without one read of the Lease."""
    first, second = (Election(way, world.namespace, "lease", name) for way, name in ((api, "first"), (other, "second")))
    mark, begins = world.end_of_audit, list[float]()

    def asked() -> list[str]:
        found = world.cluster.control_plane.audit.requests(mark)
        return [each.verb for each in found if each.namespace == world.namespace and each.user == "other"]

    async with contextlib.AsyncExitStack() as until_its_end:
        await until_its_end.enter_async_context(running(first.run(leader())))
        await seen("the first may write", first.may_write)
        async with running(second.run(leader(lambda: begins.append(time.monotonic())))):
            await seen("the second watches", lambda: asked()[-1:] == ["watch"])
            before = asked()
            renewed, end = spec_of_lease(world)["renewTime"], time.monotonic() + seconds
            await seen("that time is over", lambda: time.monotonic() > end, seconds + 10)
            assert asked() == before, "it asked again, though its watch shows each renewal"
            assert spec_of_lease(world)["renewTime"] > renewed
            ended = time.monotonic()
            await until_its_end.aclose()
            await seen("the second leads", lambda: bool(begins))
    assert begins[0] - ended < 1, "the watch shows at once that the Lease is vacant"


async def test_follower_asks_for_nothing_while_the_leader_renews(
    api: ApiClient, other: ApiClient, world: World
) -> None:
    await follows(api, other, world, 3 * RENEW_SECONDS)


@pytest.mark.release
async def test_follower_asks_for_nothing_in_a_minute(api: ApiClient, other: ApiClient, world: World) -> None:
    await follows(api, other, world, 60)


@pytest.mark.release
@pytest.mark.parametrize("error", [None, RefusedError("watch: 403", 403, "Forbidden")], ids=["hangs", "refused"])
async def test_follower_whose_watch_shows_nothing_leads_after_the_leader_and_not_before(
    api: ApiClient, open_way: Credentials, world: World, gate: Gate, error: Exception | None
) -> None:
    first = Election(api, world.namespace, "lease", "first")
    found = list[tuple[bool, float]]()
    async with Watchless(open_way, error) as watchless, running(first.run(leader())):
        await seen("the first may write", first.may_write)
        second = Election(watchless, world.namespace, "lease", "second")
        async with running(second.run(leader(lambda: found.append((first.leading, time.monotonic()))))):
            end = time.monotonic() + LEASE_SECONDS + 2 * RENEW_SECONDS
            await seen("a Lease that nobody renews would be over", lambda: time.monotonic() > end)
            assert first.may_write()
            assert found == [], "it took the Lease from a leader that renews it"
            shut = time.monotonic()
            gate.shut()
            await seen("the second leads", lambda: bool(found))
    [(both_led, at)] = found
    assert not both_led
    assert at - shut < 2 * LEASE_SECONDS + 1
