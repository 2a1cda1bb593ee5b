"""Tools wait for our controller, by kstatus or by Argo CD's script: for a new object, and for a change of its spec."""

import pytest

from tests.lab import wait
from tests.lab.api import Json
from tests.support.argocd import health
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
    assert {plural: health(obj) for plural, obj in fresh.items()} == dict.fromkeys(OBJECTS, "Progressing")
    programs.controller("reporter", gate.url, world.namespace)
    wait_current(world)
    for plural, (_, _, change) in OBJECTS.items():
        path = f"{OURS}/{plural}/waited"
        edited = world.api.request("PATCH", path, {"spec": change}, kind="application/merge-patch+json")
        assert (kstatus(edited), health(edited)) == ("InProgress", "Progressing"), plural
    wait_current(world)


def test_argo_cd_shows_a_refused_object_as_degraded(world: World, programs: Programs, gate: Gate) -> None:
    """Kstatus has no word for it, and waits."""
    world.pool("first", "198.51.100.0/28")
    world.pool("second", "198.51.100.0/28")
    programs.controller("reporter", gate.url, world.namespace)

    def judged() -> bool:
        found = {name: world.api.get(f"{OURS}/ipaddresspools/{name}") for name in ("first", "second")}
        assert {name: health(obj) for name, obj in found.items()} == {"first": "Healthy", "second": "Degraded"}
        assert kstatus(found["second"]) == "InProgress"
        return True

    wait.until("the second pool is refused", judged, seconds=60)


def wait_current(world: World) -> None:
    """Return when every object is Current."""

    def current() -> bool:
        objects = {plural: world.api.get(f"{OURS}/{plural}/waited") for plural in OBJECTS}
        found = {plural: (kstatus(obj), health(obj)) for plural, obj in objects.items()}
        assert set(found.values()) == {("Current", "Healthy")}, found
        return True

    wait.until("every object is Current", current, seconds=60)
