"""The condition Announced of a Service, from reports of speakers on a real API server."""

from functools import partial
from ipaddress import ip_network

from exalb.api.announced import pack
from tests.lab import wait
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Programs
from tests.support.kubernetes.world import OURS, World
from tests.support.observing import session


def reports(world: World, *prefixes: str) -> None:
    """Write the report of the speaker of n1: the peer has these prefixes."""
    packed = list(pack(map(ip_network, prefixes)) or ())
    world.change(f"{OURS}/bgpspeakers/n1/status", {"status": {"sessions": [session(announced=packed)]}})


def says(world: World, status: str, message: str) -> bool:
    """Whether the condition of the Service has this status and begins like this message."""
    conditions = world.api.get(f"{world.services}/web")["status"].get("conditions", [])
    found = {entry["type"]: (entry["status"], entry["message"]) for entry in conditions}.get("exalb.io/Announced")
    assert found, conditions
    assert found[0] == status, found
    assert found[1].startswith(message), found
    return True


def test_service_says_whether_it_is_announced(world: World, programs: Programs, gate: Gate) -> None:
    program = programs.controller("one", gate.url, world.namespace)
    program.wait_leads()
    world.pool("main", "198.51.100.8/30")
    world.node("n1", "203.0.113.11")
    world.service("web")
    address = world.wait_address("web")
    world.custom("bgpspeakers", "BGPSpeaker", "n1", {})
    reports(world, f"{address}/32")
    wait.until("it is announced", partial(says, world, "True", "announced by 1 node to 1 peer"))
    reports(world)
    wait.until("it is not", partial(says, world, "False", f"no node announces {address}"))
    assert program.metrics()["exalb_services_not_announced"] == 1
    reports(world, f"{address}/32")
    wait.until("it is again", partial(says, world, "True", "announced by 1 node to 1 peer"))

    def posted() -> bool:
        events = world.api.items(f"/apis/events.k8s.io/v1/namespaces/{world.namespace}/events")
        return {"NotAnnounced", "Announced"} <= {event["reason"] for event in events}

    wait.until("both events are there", posted)
