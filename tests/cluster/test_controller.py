"""Whole controllers, as processes, on a real API server: what they write, what they do not, and who leads."""

from typing import Any

import pytest

from tests.lab import wait
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Programs
from tests.support.kubernetes.world import OURS, World

PEER_SPEC = {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1"}


def settle(world: World, name: str) -> None:
    """Wait until the controller has written everything: the address of a Service, and the usage of its pool."""

    def counted() -> bool:
        pool = world.api.get(f"{OURS}/ipaddresspools/main")
        return str(pool.get("status", {}).get("usage", "")).startswith(f"{len(world.api.items(world.services))}/")

    world.wait_address(name)
    wait.until("the pool's report is up to date", counted)


def test_service_gets_an_address_and_releases_it(world: World, programs: Programs, gate: Gate) -> None:
    programs.controller("one", gate.url, world.namespace)
    world.pool("main", "198.51.100.8/31")
    world.service("web")
    assert world.wait_address("web") == "198.51.100.8"
    world.service("api")
    assert world.wait_address("api") == "198.51.100.9"
    world.delete(f"{world.services}/web")
    world.service("late")
    assert world.wait_address("late") == "198.51.100.8"


def test_restart_without_changes_writes_nothing(world: World, programs: Programs, gate: Gate) -> None:
    first = programs.controller("first", gate.url, world.namespace)
    world.pool("main", "198.51.100.0/24")
    world.custom("bgppeers", "BGPPeer", "tor", PEER_SPEC)
    for name in ("a", "b", "c"):
        world.service(name)
    settle(world, "c")
    first.end()
    before = world.end_of_audit
    second = programs.controller("second", gate.url, world.namespace)
    second.wait_leads()
    world.service("probe")
    settle(world, "probe")
    second.end()
    written = {(write.resource, write.name) for write in world.writes("second", before) if write.resource != "events"}
    assert written == {("services/status", "probe"), ("ipaddresspools/status", "main")}


def test_address_costs_one_write_and_one_event(world: World, programs: Programs, gate: Gate) -> None:
    program = programs.controller("frugal", gate.url, world.namespace)
    world.pool("main", "198.51.100.0/24")
    program.wait_leads()
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


def test_controller_continues_after_an_outage_of_the_api_server(world: World, programs: Programs, gate: Gate) -> None:
    program = programs.controller("patient", gate.url, world.namespace)
    world.pool("main", "198.51.100.0/24")
    world.service("before")
    settle(world, "before")
    gate.shut()
    world.service("meanwhile")
    wait.until("the program tried to connect again", lambda: gate.refused > 0)
    before = world.end_of_audit
    gate.open()
    assert world.wait_address("meanwhile", seconds=60) == "198.51.100.1"
    settle(world, "meanwhile")
    program.end()
    written = {(write.resource, write.name) for write in world.writes("patient", before) if write.resource != "events"}
    assert written == {("services/status", "meanwhile"), ("ipaddresspools/status", "main")}


def test_leader_with_an_expired_lease_writes_nothing(world: World, programs: Programs, gate: Gate) -> None:
    world.pool("main", "198.51.100.0/24")
    leader = programs.controller("sleeper", gate.url, world.namespace)
    world.service("before")
    settle(world, "before")
    other = programs.controller("other", gate.url, world.namespace)
    other.wait_ready()
    leader.stop()
    world.service("meanwhile")
    other.wait_leads(seconds=60)
    before = world.end_of_audit
    world.wait_address("meanwhile")
    leader.go_on()
    leader.wait_stands_by()
    world.service("after")
    world.wait_address("after")
    assert not world.writes("sleeper", before), "a leader of the past wrote"
    assert {write.user for write in (*world.writes("other", before),)} == {"other"}


def test_node_that_states_addresses_of_others_has_events_and_takes_nothing(
    world: World, programs: Programs, gate: Gate
) -> None:
    programs.controller("fair", gate.url, world.namespace).wait_leads()
    world.pool("main", "198.51.100.0/24")
    world.custom("bgppeers", "BGPPeer", "tor", PEER_SPEC)
    for name, own in (("claimant", "203.0.113.11"), ("bystander", "203.0.113.12")):
        world.node(name, own)
    world.custom("bgpspeakers", "BGPSpeaker", "claimant", {})
    world.service("web")
    address = world.wait_address("web")
    tor = f"{OURS}/bgppeers/tor"
    wait.until("both nodes count", lambda: world.api.get(tor).get("status", {}).get("sessions") == "0/2")
    claims = [{"type": "InternalIP", "address": text} for text in ("203.0.113.11", PEER_SPEC["peerAddress"], address)]
    world.change("/api/v1/nodes/claimant/status", {"status": {"addresses": claims}})

    def posted() -> bool:
        found = world.api.items("/apis/events.k8s.io/v1/namespaces/default/events")
        notes = {event["reason"]: event["note"] for event in found if event["regarding"]["name"] == "claimant"}
        return f"{address}, the address of Service {world.namespace}/web" in notes.get("AddressInUse", "") and (
            f"node claimant has the address {PEER_SPEC['peerAddress']}" in notes.get("PeerIsNode", "")
        )

    wait.until("both events are there", posted)
    assert world.addresses("web") == [address]
    assert world.api.get(tor)["status"]["wanted"] == 2


OVERLAP = ("ipaddresspools", "IPAddressPool", {"addresses": ["198.51.100.0/25"]})
NO_TEMPLATE = ("bgppeers", "BGPPeer", {**PEER_SPEC, "template": "nowhere"})


@pytest.mark.parametrize("bad", [OVERLAP, NO_TEMPLATE], ids=["overlapping pool", "missing template"])
def test_invalid_object_does_not_affect_others(
    world: World, programs: Programs, gate: Gate, bad: tuple[str, str, dict[str, Any]]
) -> None:
    programs.controller("kind", gate.url, world.namespace)
    world.pool("main", "198.51.100.0/24")
    plural, kind, spec = bad
    world.custom(plural, kind, "worse", spec)
    world.service("web")
    world.wait_address("web")

    def is_reported() -> bool:
        status = world.api.get(f"{OURS}/{plural}/worse").get("status", {})
        return any(
            condition["status"] == "False" and condition["message"] for condition in status.get("conditions", [])
        )

    wait.until("the status of the bad object has the error", is_reported)
