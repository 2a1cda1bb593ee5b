"""The web page as a controller serves it, with the real program on a real API server."""

import base64
import json
import os
import socket
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.reader import exalb
from tests.lab import wait
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Program, Programs
from tests.support.kubernetes.world import OURS, World
from tests.support.looking import Page
from tests.support.observing import speaker
from tests.support.processes import listeners

PEER = {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1", "passwordSecretRef": {"name": "tor"}}
PASSWORD = "correct-horse-battery"
SLICES = "endpointslices"
FIRST = 61000
"""Above the ports that the kernel gives to others (ip_local_port_range)."""

Started = tuple[Program, Page]
Start = Callable[[str], Started]


@pytest.fixture
def start(world: World, programs: Programs, gate: Gate) -> Start:
    """Return a function that starts a controller with a page."""

    def started(user: str) -> Started:
        port = free_port()
        environment = {"EXALB_PAGE_PORT": str(port)}
        return programs.controller(user, gate.url, world.namespace, environment=environment), Page(port)

    return started


def free_port() -> int:
    """Return a port on which nobody listens; the program's other port is a lower one."""
    for port in range(FIRST + os.getpid() % 1000, 65535):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("every port is taken")


@pytest.fixture
def rack(world: World) -> World:
    """Return a cluster with a Service, a router, and a node whose session is Established."""
    world.pool("main", "198.51.100.0/24")
    world.custom("bgppeers", "BGPPeer", "tor", PEER)
    world.node("n1", "203.0.113.11")
    report = {"apiVersion": "exalb.io/v1beta1", "kind": "BGPSpeaker", "metadata": {"name": "n1"}}
    world.create(f"{OURS}/bgpspeakers", report)
    world.made.append(f"{OURS}/bgpspeakers/n1")
    written = {**speaker()["status"], "heartbeat": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    world.change(f"{OURS}/bgpspeakers/n1/status", {"status": written})
    secret = {"metadata": {"name": "tor"}, "type": "kubernetes.io/basic-auth", "stringData": {"password": PASSWORD}}
    world.create(f"/api/v1/namespaces/{world.namespace}/secrets", secret)
    world.service("web")
    world.endpoints("web", "10.88.1.2", node="n1", ready=False)
    return world


def explained(kubeconfig: Path, world: World, subject: str) -> Any:
    """Return what `kubectl exalb explain` says."""
    words = ("explain", subject, "--output=json", f"--exalb-namespace={world.namespace}")
    return json.loads(exalb(kubeconfig, *words)[1])


def test_page_says_what_explain_says(rack: World, kubeconfig: Path, start: Start) -> None:
    """Also while the cause is in EndpointSlices, which a controller does not need itself; a change of them is seen."""
    program, page = start("speaking")
    program.wait_leads()
    rack.wait_address("web")
    subject = f"service/{rack.namespace}/web"

    def agrees(reason: str | None) -> bool:
        there = page.answer(subject)
        first = there["firstBroken"]
        assert (None if first is None else there["steps"][first]["reason"]) == reason, there
        assert there == explained(kubeconfig, rack, subject)
        return True

    wait.until("no endpoint is ready", lambda: agrees("NoReadyEndpoints"))
    rack.endpoints("web", "10.88.1.2", node="n1")
    wait.until("nothing is broken", lambda: agrees(None))
    for other in ("peer/tor", "node/n1", "address/198.51.100.0"):
        assert page.answer(other) == explained(kubeconfig, rack, other)


def test_controllers_that_stand_by_serve_the_same_page(rack: World, start: Start) -> None:
    first, _ = start("leading")
    first.wait_leads()
    second, page = start("waiting")
    second.wait_ready()
    second.wait_stands_by()
    address = rack.wait_address("web")
    name = f"{rack.namespace}/web"
    found = next(found for found in page.overviews() if [row["addresses"] for row in found["services"]] == [[address]])
    assert [row["name"] for row in found["services"]] == [name]
    holder = rack.api.get(f"/apis/coordination.k8s.io/v1/namespaces/{rack.namespace}/leases/exalb-controller")
    assert found["status"]["leader"] == f"{holder['spec']['holderIdentity']} leads"


@pytest.mark.usefixtures("rack")
def test_page_is_read_only_and_on_loopback_alone(start: Start, tmp_path: Path) -> None:
    program, page = start("closed")
    program.wait_ready()
    assert ("127.0.0.1", page.port) in listeners(program.process.pid)
    assert {address for address, port in listeners(program.process.pid) if port == page.port} == {"127.0.0.1"}
    assert page.ask()[0] == page.ask("page.js")[0] == page.ask("page.css")[0] == 200
    assert page.ask(host="attacker.example")[0] == 403
    for name in ("", "events", "explain", "page.js"):
        assert {page.ask(name, verb=verb)[0] for verb in ("POST", "PUT", "PATCH", "DELETE")} == {405}, name
    assert page.ask("metrics")[0] == page.ask("../metrics")[0] == 404
    [user] = yaml.safe_load((tmp_path / "closed" / "kubeconfig").read_text())["users"]
    secrets = [PASSWORD, base64.b64encode(PASSWORD.encode()).decode(), *user["user"].values()]
    assert len(secrets) == 4
    for text in (json.dumps(next(page.overviews())), *map(str, map(page.answer, ("peer/tor", "node/n1")))):
        assert not [secret for secret in secrets if secret in text]


def test_page_is_served_only_where_it_is_asked_for(world: World, programs: Programs, gate: Gate) -> None:
    program = programs.controller("without", gate.url, world.namespace)
    program.wait_ready()
    assert len(listeners(program.process.pid)) == 1, "probes and metrics"


def test_page_costs_nothing_until_somebody_looks(rack: World, start: Start) -> None:
    """EndpointSlices are read for the page alone; a page that is open does not delay the end of the program."""
    before = rack.end_of_audit

    def asked() -> set[str]:
        found = rack.cluster.control_plane.audit.requests(before)
        return {request.verb for request in found if (request.user, request.resource) == ("lazy", SLICES)}

    program, page = start("lazy")
    program.wait_leads()
    rack.wait_address("web")
    assert page.ask()[0] == 200
    assert asked() == set()
    with closing(page.overviews()) as overviews:
        next(overviews)
        wait.until("EndpointSlices are watched", lambda: asked() == {"list", "watch"})
        program.end()
