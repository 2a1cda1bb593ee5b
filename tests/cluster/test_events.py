"""A session that goes down again and again is one Event that counts, as kubectl shows it."""

import asyncio
import re
from pathlib import Path

from exalb.report.flaps import FLAPS
from exalb_bgp.memory import MemoryDriver
from tests.cluster.test_speaker import NODE, PEER, talking
from tests.lab import wait
from tests.lab.api import Json
from tests.support.kubernetes.events import times
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Programs
from tests.support.kubernetes.world import OURS, World

EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
TIMES = 4


def about(world: World, peer: str, reason: str) -> list[Json]:
    """Return the Events about a BGPPeer that have this reason."""
    uid = world.api.get(f"{OURS}/bgppeers/{peer}")["metadata"]["uid"]
    found = world.api.items(EVENTS)
    return [event for event in found if event["regarding"].get("uid") == uid and event["reason"] == reason]


async def established(world: World, sessions: str) -> None:
    """Wait until the BGPPeer has so many sessions, as the controller says."""

    def said() -> bool:
        found = world.api.get(f"{OURS}/bgppeers/flapping").get("status", {}).get("sessions")
        assert found == sessions, found
        return True

    await asyncio.to_thread(wait.until, f"the sessions are {sessions}", said)


async def with_a_node_that_has_none(world: World) -> None:
    """Wait until condition and Event name the session that flaps next to that of a new node, which has no speaker."""
    world.node("another", "10.0.0.2")
    await established(world, "1/2")
    conditions = world.api.get(f"{OURS}/bgppeers/flapping")["status"]["conditions"]
    (found,) = (row for row in conditions if row["type"] == "Established")
    both = f"1 of 2 sessions are Established; node another: its speaker does not report; node {NODE}: {FLAPS}"
    assert found["message"].startswith(both), found

    def is_said() -> bool:
        notes = [event["note"] for event in about(world, "flapping", "SessionsDown")]
        assert found["message"] in notes, notes
        return True

    await asyncio.to_thread(wait.until, "an Event says both", is_said)


async def test_session_that_flaps_is_one_event_that_counts(
    world: World, programs: Programs, kubeconfig: Path, gate: Gate
) -> None:
    world.custom("bgppeers", "BGPPeer", "flapping", PEER)
    world.node(NODE, "10.0.0.1")
    controller = programs.controller("counting", gate.url, world.namespace)
    driver = MemoryDriver()
    before = world.end_of_audit
    async with talking(kubeconfig, driver):
        await established(world, "1/1")
        for _ in range(TIMES):
            driver.close("flapping")
            await established(world, "0/1")
            driver.establish("flapping")
            await established(world, "1/1")

        def counted() -> bool:
            [event] = about(world, "flapping", "SessionsDown")
            assert times(event) == TIMES, event
            return True

        await asyncio.to_thread(wait.until, "the Event counts every time", counted, seconds=30)
    shown = world.cluster.kubectl("events", "--for=bgppeer.exalb.io/flapping", "--namespace=default")
    assert re.search(rf"\(x{TIMES} over \d+s\) +Warning +SessionsDown +BGPPeer/flapping +0 of 1 sessions", shown), shown
    shown = world.cluster.kubectl("describe", "bgppeers.exalb.io", "flapping")
    assert re.search(rf"Warning +SessionsDown +\d+s \(x{TIMES} over \d+s\) +exalb.io/controller", shown), shown
    [flaps] = about(world, "flapping", "SessionFlapping")
    assert (flaps["type"], times(flaps)) == ("Warning", 1), "the session flaps from its fourth end on"
    await with_a_node_that_has_none(world)
    controller.end()
    posts = [write for write in world.writes("counting", before) if write.resource == "events"]
    assert [write.verb for write in posts if write.verb == "create"] == ["create"] * 4, posts
    assert {write.status for write in posts} == {200, 201}
