"""Installed next to MetalLB, ExaLB writes to no Service that MetalLB serves: seen in the API server's audit log."""

from typing import Any

import pytest

from tests.lab import wait
from tests.support import objects
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Programs
from tests.support.kubernetes.world import World

USER = "newcomer"
FOREIGN: dict[str, dict[str, Any]] = {
    "plain": {"ingress": [{"ip": "198.51.100.9"}]},
    "vip": {"ingress": [{"ip": "198.51.100.10", "ipMode": "VIP"}]},
    "named": {"ingress": [{"hostname": "lb.example.com"}]},
    "elsewhere": {"ingress": [{"ip": "192.0.2.77"}]},
    "asking": {"ingress": [{"ip": "198.51.100.11"}]},
    "classed": {"ingress": [{"ip": "198.51.100.12"}]},
}
"""The status of Services that another controller gave their addresses."""
MORE: dict[str, dict[str, Any]] = {
    "asking": {"annotations": {"metallb.io/loadBalancerIPs": "198.51.100.11"}},
    "classed": {"loadBalancerClass": "metallb.io/metallb"},
}
OURS = {"loadBalancerClass": "exalb.io/bgp"}
HERE, NOT_HERE = {"serviceSelectors": [{"matchLabels": {"for": "exalb"}}]}, {"namespaces": ["nobody"]}


@pytest.fixture
def shared(world: World) -> World:
    """Return a world with Services that have their addresses from MetalLB."""
    for name, status in FOREIGN.items():
        world.create(world.services, objects.service(name, **{"ports": [{"port": 80}], **MORE.get(name, {})}))
        world.change(f"{world.services}/{name}/status", {"status": {"loadBalancer": status}})
    return world


def of_others(world: World, mark: int) -> list[str]:
    """Return what was done to Services of MetalLB, and what events say of them."""
    events = world.api.items(f"/apis/events.k8s.io/v1/namespaces/{world.namespace}/events")
    return [
        *(f"{each.verb} {each.resource} {each.name}" for each in world.writes(USER, mark) if each.name in FOREIGN),
        *(f"event {each['note']}" for each in events if each["regarding"]["name"] in FOREIGN),
    ]


def statuses(world: World) -> dict[str, Any]:
    """Return the status of each Service of MetalLB."""
    return {name: world.api.get(f"{world.services}/{name}")["status"]["loadBalancer"] for name in FOREIGN}


def reason(world: World, name: str) -> str:
    """Return the reason that a Service of ours has no address; empty while nobody said so."""
    found = world.api.get(f"{world.services}/{name}")["status"].get("conditions", [])
    return next((entry["reason"] for entry in found if entry["status"] == "False"), "")


def test_services_of_metallb_are_not_written(shared: World, programs: Programs, gate: Gate) -> None:
    mark, before = shared.end_of_audit, statuses(shared)
    programs.controller(USER, gate.url, shared.namespace).wait_leads()
    # A Service of ours shows that the controller has decided: it decides about all of them in one round.
    shared.create(shared.services, objects.service("ours", labels={"for": "exalb"}, ports=[{"port": 80}], **OURS))
    wait.until("it says that there is no pool", lambda: reason(shared, "ours"), seconds=40)
    assert not of_others(shared, mark)
    shared.custom(
        "ipaddresspools", "IPAddressPool", "away", {"addresses": ["192.0.2.0/24"], "serviceAllocation": NOT_HERE}
    )
    spec = {"addresses": ["198.51.100.9-198.51.100.13"], "serviceAllocation": HERE}
    shared.custom("ipaddresspools", "IPAddressPool", "main", spec)
    assert shared.wait_address("ours") == "198.51.100.13", "the others are in use"
    shared.create(shared.services, objects.service("late", labels={"for": "exalb"}, ports=[{"port": 80}], **OURS))
    wait.until("it says that the pool is full", lambda: reason(shared, "late"), seconds=40)
    assert not of_others(shared, mark)
    assert statuses(shared) == before
    assert {each.name for each in shared.writes(USER, mark) if each.resource == "services/status"} == {"ours", "late"}
