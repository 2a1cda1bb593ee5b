"""Whole controllers, as processes, on a real API server: what they write, what they do not, and who leads."""

from typing import Any

import pytest

from tests.cluster.gate import Gate
from tests.cluster.programs import Programs
from tests.cluster.world import OURS, World
from tests.lab import wait

PEER_SPEC = {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1"}


def settle(world: World, name: str) -> None:
    """Wait until the controller has told of everything: a Service's address, and that it is counted in its pool."""

    def counted() -> bool:
        pool = world.api.get(f"{OURS}/ipaddresspools/main")
        return str(pool.get("status", {}).get("usage", "")).startswith(f"{len(world.api.items(world.services))}/")

    world.wait_address(name)
    wait.until("the pool's report is up to date", counted)


def test_a_service_gets_an_address_and_gives_it_back(world: World, programs: Programs, gate: Gate) -> None:
    programs.controller("one", gate.url, world.namespace)
    world.pool("main", "198.51.100.8/31")
    world.service("web")
    assert world.wait_address("web") == "198.51.100.8"
    world.service("api")
    assert world.wait_address("api") == "198.51.100.9"
    world.delete(f"{world.services}/web")
    world.service("late")
    assert world.wait_address("late") == "198.51.100.8"


def test_a_restart_with_nothing_changed_writes_nothing(world: World, programs: Programs, gate: Gate) -> None:
    first = programs.controller("first", gate.url, world.namespace)
    world.pool("main", "198.51.100.0/24")
    world.custom("bgppeers", "BGPPeer", "tor", PEER_SPEC)
    for name in ("a", "b", "c"):
        world.service(name)
    settle(world, "c")
    first.end()
    before = world.end_of_audit
    second = programs.controller("second", gate.url, world.namespace)
    second.wait_says("leading")
    world.service("probe")
    settle(world, "probe")
    second.end()
    written = {(write.resource, write.name) for write in world.writes("second", before) if write.resource != "events"}
    assert written == {("services/status", "probe"), ("ipaddresspools/status", "main")}


def test_an_address_costs_one_write_and_one_event(world: World, programs: Programs, gate: Gate) -> None:
    program = programs.controller("frugal", gate.url, world.namespace)
    world.pool("main", "198.51.100.0/24")
    program.wait_says("leading")
    before = world.end_of_audit
    names = [f"s{number}" for number in range(20)]
    for name in names:
        world.service(name)
    settle(world, names[-1])
    program.end()
    written = world.writes("frugal", before)
    assert sum(write.resource == "services/status" for write in written) == len(names)
    assert sum(write.resource == "events" for write in written) == len(names)
    assert sum(write.resource == "ipaddresspools/status" for write in written) <= 3


def test_the_api_server_away_costs_nothing_but_time(world: World, programs: Programs, gate: Gate) -> None:
    program = programs.controller("patient", gate.url, world.namespace)
    world.pool("main", "198.51.100.0/24")
    world.service("before")
    settle(world, "before")
    gate.shut()
    world.service("meanwhile")
    program.wait_says("not up to date")
    before = world.end_of_audit
    gate.open()
    assert world.wait_address("meanwhile", seconds=60) == "198.51.100.1"
    settle(world, "meanwhile")
    program.end()
    written = {(write.resource, write.name) for write in world.writes("patient", before) if write.resource != "events"}
    assert written == {("services/status", "meanwhile"), ("ipaddresspools/status", "main")}


def test_a_leader_that_slept_too_long_writes_nothing(world: World, programs: Programs, gate: Gate) -> None:
    world.pool("main", "198.51.100.0/24")
    leader = programs.controller("sleeper", gate.url, world.namespace)
    world.service("before")
    settle(world, "before")
    other = programs.controller("other", gate.url, world.namespace)
    wait.until("the other waits", lambda: other.process.poll() is None and other.log.read_text(), seconds=20)
    leader.stop()
    world.service("meanwhile")
    other.wait_says("leading", seconds=60)
    before = world.end_of_audit
    world.wait_address("meanwhile")
    leader.go_on()
    leader.wait_says("no longer leading")
    world.service("after")
    world.wait_address("after")
    assert not world.writes("sleeper", before), "a leader of the past wrote"
    assert {write.user for write in (*world.writes("other", before),)} == {"other"}


def test_a_leader_that_ends_lets_the_next_one_in_at_once(world: World, programs: Programs, gate: Gate) -> None:
    world.pool("main", "198.51.100.0/24")
    first = programs.controller("leaving", gate.url, world.namespace)
    first.wait_says("leading")
    second = programs.controller("coming", gate.url, world.namespace)
    second.wait_says("starting")
    first.end()
    second.wait_says("leading", seconds=10)
    world.service("web")
    world.wait_address("web")


OVERLAP = ("ipaddresspools", "IPAddressPool", {"addresses": ["198.51.100.0/25"]})
NO_SECRET = ("bgppeers", "BGPPeer", {**PEER_SPEC, "passwordSecretRef": {"name": "nowhere"}})


@pytest.mark.parametrize("bad", [OVERLAP, NO_SECRET], ids=["overlapping pool", "missing Secret"])
def test_one_bad_object_stops_nobody(
    world: World, programs: Programs, gate: Gate, bad: tuple[str, str, dict[str, Any]]
) -> None:
    programs.controller("kind", gate.url, world.namespace)
    world.pool("main", "198.51.100.0/24")
    plural, kind, spec = bad
    world.custom(plural, kind, "worse", spec)
    world.service("web")
    world.wait_address("web")

    def told() -> bool:
        status = world.api.get(f"{OURS}/{plural}/worse").get("status", {})
        return any(one["status"] == "False" and one["message"] for one in status.get("conditions", []))

    wait.until("the bad object says what is wrong", told)
