"""Tools that wait by kstatus wait for our controller: for a new object, and for a change of its spec."""

import pytest

from tests.lab import wait
from tests.lab.api import Json
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.kstatus import kstatus
from tests.support.kubernetes.programs import Programs
from tests.support.kubernetes.world import OURS, World

PEER = {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1"}
OBJECTS: dict[str, tuple[str, Json, Json]] = {
    "ipaddresspools": ("IPAddressPool", {"addresses": ["198.51.100.0/28"]}, {"disabled": True}),
    "bgppeers": ("BGPPeer", PEER, {"holdTime": "30s"}),
    "bgpadvertisements": ("BGPAdvertisement", {}, {"localPref": 200}),
    "communities": ("Community", {"communities": [{"name": "blue", "value": "64512:1"}]}, {"communities": []}),
}


@pytest.fixture
def fresh(world: World) -> dict[str, Json]:
    """Return an object of each kind, as the API server answers to its creation; no controller runs yet."""
    made = {plural: world.custom(plural, kind, "waited", spec) for plural, (kind, spec, _) in OBJECTS.items()}
    world.custom(
        "bgppeers", "BGPPeer", "user", {"template": "waited", "peerAddress": "203.0.113.2"}
    )  # a template is Ready without sessions
    return made


def test_kstatus_waits_for_the_controller(world: World, programs: Programs, gate: Gate, fresh: dict[str, Json]) -> None:
    assert {plural: kstatus(obj) for plural, obj in fresh.items()} == dict.fromkeys(OBJECTS, "InProgress")
    programs.controller("reporter", gate.url, world.namespace)
    wait_current(world)
    for plural, (_, _, change) in OBJECTS.items():
        path = f"{OURS}/{plural}/waited"
        edited = world.api.request("PATCH", path, {"spec": change}, kind="application/merge-patch+json")
        assert kstatus(edited) == "InProgress", plural
    wait_current(world)


def wait_current(world: World) -> None:
    """Return when every object is Current."""

    def current() -> bool:
        found = {plural: kstatus(world.api.get(f"{OURS}/{plural}/waited")) for plural in OBJECTS}
        assert set(found.values()) == {"Current"}, found
        return True

    wait.until("every object is Current", current, seconds=60)
