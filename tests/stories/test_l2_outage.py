"""L2 while the API server is away for minutes: the holder dies meanwhile, and so does the controller that leads."""

import os
import signal
import time
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from tests.lab import demo_l2, exalb, fabric, layout, wait
from tests.lab.cluster import Lab
from tests.lab.network import Namespace
from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT, Note, asking_from, pods_on, wait_rules
from tests.support import objects, processes

pytestmark = [pytest.mark.release, pytest.mark.timeout(1500)]
AWAY = 120.0
"""Seconds without an API server: longer than the lease of a controller, and than a silent Node stays Ready."""
RATE = 10.0


@pytest.fixture
def story() -> Iterator[Story]:
    """Return a story in a lab of its own, with L2."""
    lab = Lab(f"o{os.getpid():x}")
    lab.up(2)
    try:
        exalb.install(lab, demo_l2.VALUES)
        yield Story.begin(lab)
    finally:
        lab.down()


@pytest.fixture
def client(story: Story) -> Namespace:
    """Return a host on the LAN of the nodes."""
    client = Namespace.create(story.lab.name, "lan")
    fabric.join(fabric.switch_of(story.lab.layout), client, layout.CLIENT)
    return client


def test_holder_and_leader_die_while_the_api_server_is_away(story: Story, client: Namespace, note: Note) -> None:
    """Without the API server, the other node takes the address; once the server is back, all goes on as before."""
    address = _expose(story, "web")
    holder = _holder(story)
    control, switch = story.lab.control_plane, fabric.switch_of(story.lab.layout)
    control.stop("kube-apiserver")
    back = time.monotonic() + AWAY
    try:
        with asking_from(client, address, RATE) as answers:
            _kill_controllers(story)
            wait.until("half of the time is over", lambda: time.monotonic() > back - AWAY / 2, seconds=AWAY, every=1)
            switch.namespace.ip(f"link set {holder} nomaster")
            cut = time.time()
            wait.until("the time is over", lambda: time.monotonic() > back, seconds=AWAY, every=1)
    finally:
        switch.namespace.ip(f"link set {holder} master {switch.name}")
        control.start("kube-apiserver")
        control.wait_ready()
    answers.note(note, f"requests while the API server was away for {AWAY:g} s")
    assert answers.total > RATE * AWAY / 2
    late = [failure for failure in answers.failures if not cut - 1 < failure.asked < cut + TIMEOUT / 10]
    assert late == []
    assert _expose(story, "api") != address
    story.wait("one node announces the address", lambda: _holder(story) != "", TIMEOUT)


def _kill_controllers(story: Story) -> None:
    """Kill the controllers on both nodes, so that nobody leads: their containers start again without an API server."""
    leading = [each.pid for each in processes.of(story.lab) if each.role == "controller"]
    assert leading
    for pid in leading:
        os.kill(pid, signal.SIGKILL)


def _expose(story: Story, name: str) -> IPv4Address:
    """Create a Service with pods on both nodes and an address on the LAN."""
    pool = objects.pool("lan", f"{layout.FIRST_ON_LAN}-10.77.0.79", autoAssign=False)
    story.lab.apply([pool, objects.l2_advertisement("lan", ipAddressPools=["lan"])])
    for node in story.lab.nodes:
        pods_on(story, node.name, 1, name)
    wants = objects.wants(pool="lan")
    story.lab.apply(story.service(name, annotations=wants, externalTrafficPolicy="Local"))
    address = IPv4Address(story.wait_addresses(name, seconds=TIMEOUT)[0])
    wait_rules(story, address)
    return address


def _holder(story: Story) -> str:
    """Return the node that reports that it announces the first address."""

    def found() -> str:
        reports = {
            node.name: story.lab.api.get(f"/apis/exalb.io/v1beta1/bgpspeakers/{node.name}")["status"].get("l2", {})
            for node in story.lab.nodes
        }
        return next((name for name, report in reports.items() if report.get("addresses")), "")

    return wait.until("a node announces it", found, seconds=TIMEOUT)
