"""`exalb migrate metallb` on a real API server: addresses stay, and nothing of MetalLB is written."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.api import Json
from tests.lab.audit import Request
from tests.lab.cluster import Lab
from tests.support import objects
from tests.support.kubernetes.definitions import served
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.metallb import Command, definitions, workload
from tests.support.kubernetes.programs import Programs
from tests.support.kubernetes.world import OURS, World
from tests.support.metallb import metallb_advertisement, metallb_peer, metallb_pool

HELD = {"first": "198.51.100.9", "second": "198.51.100.20", "third": "198.51.100.20"}
"""The addresses of three Services, two of which share theirs."""
SHARED = {"metallb.io/allow-shared-ip": "key"}
PAUSE = {"image": "lab.exalb.io/pause:1"}
PROGRAMS = (("DaemonSet", "speaker"), ("Deployment", "controller"))


@pytest.fixture(scope="module")
def known(cluster: Lab) -> Iterator[Lab]:
    """Return the lab, whose API server knows MetalLB's kinds."""
    with served(cluster, definitions()):
        yield cluster


@pytest.fixture
def command(known: Lab, programs: Programs, tmp_path: Path) -> Command:
    """Return the command, run by the user `migrator`."""
    return Command(known, programs.user("migrator"), tmp_path)


@pytest.fixture
def metallb(known: Lab, world: World) -> Iterator[World]:
    """Return a world with MetalLB in its namespace, a Node, and three Services that have addresses of MetalLB."""
    made = [
        metallb_pool("shared"),
        metallb_peer("tor", dualStackAddressFamily=False, password="x"),
        metallb_advertisement(),
    ]
    for raw in made:
        raw["metadata"]["namespace"] = world.namespace
    programs = [workload(kind, name, world.namespace, PAUSE) for kind, name in PROGRAMS]
    known.apply([*made, *programs])
    world.node("n1", "203.0.113.11")
    world.custom("bgpspeakers", "BGPSpeaker", "n1", {})
    for number, (name, address) in enumerate(HELD.items()):
        service = objects.service(name, annotations=SHARED, ports=[{"port": 80 + number}])
        world.create(world.services, service)
        world.change(f"{world.services}/{name}/status", {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}})
    yield world
    known.delete([*made, *programs])


def held(world: World) -> dict[str, str]:
    """Return the addresses that the Services have."""
    return {name: " ".join(world.addresses(name)) for name in HELD}


def of_metallb(world: World, writes: list[Request]) -> set[str]:
    """Return the kinds of MetalLB that were written; its objects are in one namespace, and others are other tests'."""
    kinds = ("ipaddresspools", "bgppeers")
    return {write.resource for write in writes if write.resource in kinds and write.namespace == world.namespace}


def test_way_keeps_addresses_and_metallbs_objects(
    metallb: World, command: Command, programs: Programs, gate: Gate
) -> None:
    """The printed commands are run up to the first node; only ExaLB's controller writes to Services, once to each."""
    mark = metallb.end_of_audit
    command.must("exalb migrate metallb > exalb.yaml")
    assert command.must("exalb migrate metallb") == (command.folder / "exalb.yaml").read_text()
    assert metallb.writes("migrator", mark) == []
    titles = []
    programs.controller("adopter", gate.url, metallb.namespace).wait_leads()
    while not (step := command.next_step())[0].startswith("Move node n1"):
        titles.append(step[0])
        for line in step[1]:
            command.must(line)
        assert len(titles) < 20, titles
    assert held(metallb) == HELD
    writes = metallb.cluster.control_plane.audit.writes(mark)
    assert not of_metallb(metallb, writes)
    statuses = [
        write for write in writes if write.resource == "services/status" and write.namespace == metallb.namespace
    ]
    assert {(write.user, write.name) for write in statuses} == {("adopter", name) for name in HELD}
    assert len(statuses) == len(HELD)
    assert [title.split()[0] for title in dict.fromkeys(titles)] == ["Let", "Stop", "Apply"]
    remove(metallb, command)


def test_way_back_keeps_addresses(metallb: World, command: Command, programs: Programs, gate: Gate) -> None:
    """MetalLB's programs are as before, and Services have their addresses after ExaLB is gone."""
    before = {name: find(metallb, kind, name)["spec"] for kind, name in PROGRAMS}
    controller = programs.controller("adopter", gate.url, metallb.namespace)
    controller.wait_leads()
    steps = printed_steps(command.must("exalb migrate metallb --steps"))
    for title in ("Let a label", "Stop MetalLB's", "Apply ExaLB's"):
        [commands] = [commands for name, (commands, _) in steps.items() if name.startswith(title)]
        for line in commands:
            command.must(line)
    assert command.next_step()[0].startswith(("Move node n1", "Apply"))
    controller.end()
    for title in ("Stop MetalLB's", "Let a label"):
        [back] = [back for name, (_, back) in steps.items() if name.startswith(title)]
        for line in back:
            command.must(line)
    assert {name: find(metallb, kind, name)["spec"] for kind, name in PROGRAMS} == before
    assert held(metallb) == HELD
    remove(metallb, command)


def printed_steps(text: str) -> dict[str, tuple[list[str], list[str]]]:
    """Return the commands of each step and those that go back."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    title, target = "", 0
    for line in text.splitlines():
        if line[0].isdigit():
            title, target = line.partition(". ")[2], 0
            found[title] = ([], [])
        elif line.startswith("   back:"):
            target = 1
        elif line.startswith("     "):
            found[title][target].append(line.strip())
    return found


def find(world: World, kind: str, name: str) -> Json:
    """Return one of MetalLB's programs."""
    return world.api.get(f"/apis/apps/v1/namespaces/{world.namespace}/{kind.lower()}s/{name}")


def remove(world: World, command: Command) -> None:
    """Remove ExaLB's objects, whose names only the migration knows."""
    world.made.extend(
        f"{OURS}/{plural}/{name}"
        for plural, name in (("ipaddresspools", "shared"), ("bgppeers", "tor"), ("bgpadvertisements", "all"))
    )
    assert (command.folder / "exalb.yaml").exists()
