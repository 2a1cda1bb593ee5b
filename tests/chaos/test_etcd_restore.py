"""An etcd that was restored from an older snapshot: two controllers that know more than it does give nothing twice."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.witness import Witness
from tests.lab import layout, wait
from tests.lab.api import Json
from tests.lab.cluster import Lab
from tests.lab.nodeconfig import API_PORT
from tests.support.kubernetes.fixtures import install_crds
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Programs
from tests.support.kubernetes.world import World

ADDRESS = "198.51.100.7"
ADDRESSES = {"old": [ADDRESS], "waiting": []}
LAST = "the-last"
SECONDS = 90.0


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[World, Programs, Gate]]:
    """Return a control plane whose etcd may be restored, the objects of the test, programs and a way for them."""
    if os.geteuid() != 0:
        pytest.skip("a lab is made of network namespaces and control groups: run the tests as root")
    lab = Lab(f"e{os.getpid():x}")
    lab.up(nodes=0)
    try:
        address = str(layout.on_fabric(layout.CONTROL_PLANE)[0].ip)
        install_crds(lab)
        with Gate(lab.control_plane.namespace, address, API_PORT) as gate, Programs(lab, tmp_path).ended() as programs:
            yield World(lab).__enter__(), programs, gate
    finally:
        lab.down()


class Snapshot:
    """A copy of etcd's data, taken and restored while etcd and the API server do not run."""

    def __init__(self, lab: Lab, copy: Path) -> None:
        self._lab, self._data, self._copy = lab, lab.layout.store / "etcd", copy
        self._restart(lambda: shutil.copytree(self._data, self._copy))

    def restore(self) -> None:
        """Put the copy in place of the data of now."""

        def replace() -> None:
            shutil.rmtree(self._data)
            shutil.copytree(self._copy, self._data)

        self._restart(replace)

    def _restart(self, work: Callable[[], object]) -> None:
        control = self._lab.control_plane
        for program in ("kube-apiserver", "etcd"):
            control.stop(program)
        work()
        control.begin()
        control.wait_ready()
        self._lab.close()


def reason(world: World, name: str) -> str:
    """Return why the Service has no address, or that it has one; empty before the controller judged it."""
    conditions = world.api.get(f"{world.services}/{name}")["status"].get("conditions", [])
    return next((entry["reason"] for entry in conditions if entry["type"] == "exalb.io/AddressAssigned"), "")


def wait_reason(world: World, name: str, wanted: str) -> None:
    """Return when the controller has judged the Service so."""

    def judged() -> bool:
        found = reason(world, name)
        assert found == wanted, f"{name}: {found}"
        return True

    wait.until(f"{name} is {wanted}", judged, seconds=SECONDS)


def held(world: World) -> dict[str, list[str]]:
    """Return the addresses of the Services of the snapshot."""
    return {name: world.addresses(name) for name in ADDRESSES}


def notes(world: World) -> list[str]:
    """Return what the events about the waiting Service say."""
    events = world.api.items(f"/apis/events.k8s.io/v1/namespaces/{world.namespace}/events")
    return [event.get("note", "") for event in events if event["regarding"]["name"] == "waiting"]


def given(address: str) -> Json:
    """Return the change of a Service's status that gives it an address."""
    return {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}


@pytest.mark.release
def test_restored_etcd_gives_no_address_twice(own: tuple[World, Programs, Gate], tmp_path: Path) -> None:
    """After the snapshot the address went from one Service to another; the restored state has it at the first again."""
    world, programs, gate = own
    for name in ("one", "two"):
        programs.controller(name, gate.url, world.namespace)
    world.pool("main", f"{ADDRESS}/32")
    world.service("old")
    assert world.wait_address("old", SECONDS) == ADDRESS
    world.service("waiting")
    wait_reason(world, "waiting", "PoolExhausted")
    snapshot = Snapshot(world.cluster, tmp_path / "etcd")
    world.api = world.cluster.api
    world.delete(f"{world.services}/old")
    assert world.wait_address("waiting", SECONDS) == ADDRESS
    world.service("unknown-to-the-snapshot")
    wait_reason(world, "unknown-to-the-snapshot", "PoolExhausted")

    snapshot.restore()
    world.api = world.cluster.api
    witness = Witness(world.cluster, world.services)
    world.service("late")
    wait_reason(world, "late", "PoolExhausted")
    assert held(world) == ADDRESSES
    world.service(LAST)
    witness.follow(LAST)
    assert witness.wrong == []

    world.change(f"{world.services}/waiting/status", given(ADDRESS))
    wait.until("the older one keeps it alone", lambda: held(world) == ADDRESSES, seconds=SECONDS)
    wait_reason(world, "waiting", "PoolExhausted")
    conflict = f"released {ADDRESS}: {ADDRESS} is in use by"
    wait.until("an event names the conflict", lambda: any(conflict in note for note in notes(world)), seconds=SECONDS)
    world.delete(f"{world.services}/old")
    assert world.wait_address("waiting", SECONDS) == ADDRESS
