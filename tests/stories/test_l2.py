"""L2: a Service whose address the nodes announce on their own LAN, as a client with a neighbour cache there sees it."""

import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

import pytest

from exalb_bgp.rib import Address
from tests.lab import exalb, fabric, wait
from tests.lab.network import Namespace
from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT, asking_from, pods_on, wait_rules
from tests.support import objects
from tests.support.documented import the_command
from tests.support.note import Note

ENABLE = the_command("docs/how-to/l2.md", "helm upgrade .+")
HOST = 251
RATE = 20.0
FIRST, FOREIGN = "10.77.0.60", "10.77.0.69"


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The LAN of the nodes with a client on it, and a Service that has a pod on each node."""

    story: Story
    client: Namespace
    address: Address

    def holder(self) -> str:
        """Return the node that the client's neighbour cache has for the address."""
        entries = json.loads(self.client.run(["ip", "-json", "neighbour", "show", str(self.address)]).stdout)
        macs = {self._mac(node.name): node.name for node in self.story.lab.nodes}
        return macs.get(entries[0].get("lladdr", ""), "") if entries else ""

    def _mac(self, node: str) -> str:
        show = ["ip", "-json", "link", "show", "eth0"]
        (link,) = json.loads(self.story.lab.layout.namespace(node).run(show).stdout)
        return str(link["address"])

    def until_held(self, node: str) -> None:
        """Wait until the client sends to this node."""

        def reached() -> bool:
            found = self.holder()
            assert found == node, found
            return True

        self.story.wait(f"the client sends to {node}", reached, TIMEOUT)

    def other(self, node: str) -> str:
        """Return the other node."""
        (found,) = {one.name for one in self.story.lab.nodes} - {node}
        return found


@pytest.fixture
def l2(story: Story) -> Iterator[Story]:
    """Return the story with L2 on, by the command of the page; off again afterwards, in the whole lab."""
    words = ENABLE.replace("charts/exalb", str(exalb.CHART)).split()[1:]
    wait_too = ("--wait", f"--timeout={TIMEOUT:g}s")
    story.lab.helm(*words, *wait_too)
    yield story
    story.lab.helm(*[word.replace("enabled=true", "enabled=false") for word in words], *wait_too)


@pytest.fixture
def neighbourhood(l2: Story) -> Iterator[Neighbourhood]:
    """Return a Service on the LAN, which has its address."""
    story, name = l2, f"{l2.name}-lan"
    client = Namespace.create(story.lab.name, "neighbour")
    fabric.join(fabric.switch_of(story.lab.layout), client, HOST)
    pool = objects.pool(name, f"{FIRST}-10.77.0.65", serviceAllocation={"namespaces": [story.name]}, autoAssign=False)
    pool["metadata"]["annotations"] = objects.wants(allow_deletion="true")
    ours = [pool, objects.l2_advertisement(name, ipAddressPools=[name])]
    story.lab.apply(ours)
    for node in story.lab.nodes:
        pods_on(story, node.name, 1)
    story.lab.apply(story.service("web", annotations=objects.wants(pool=name), externalTrafficPolicy="Local"))
    [text] = story.wait_addresses("web", seconds=TIMEOUT)
    wait_rules(story, IPv4Address(text))
    yield Neighbourhood(story, client, ip_address(text))
    story.kubectl("delete", "service", "web")
    story.lab.delete(ours)
    client.delete()


def _report(story: Story, node: str) -> Any:
    return story.lab.api.get(f"/apis/exalb.io/v1beta1/bgpspeakers/{node}")["status"].get("l2", {})


def _is_ready(story: Story, node: str) -> bool:
    conditions = story.lab.api.get(f"/api/v1/nodes/{node}")["status"]["conditions"]
    return any((one["type"], one["status"]) == ("Ready", "True") for one in conditions)


def test_address_on_the_lan_moves_with_a_clean_stop_and_a_dead_node(neighbourhood: Neighbourhood, note: Note) -> None:
    """One node answers; it hands over when its pod ends, and is followed while the API server still calls it Ready."""
    story, client, address = neighbourhood.story, neighbourhood.client, neighbourhood.address
    wait.until("a node announces it", lambda: _is_announced_once(story), seconds=TIMEOUT)
    with asking_from(client, address, RATE) as answers:
        first = neighbourhood.holder()
        assert first
        _says(story, first, address)
        which = (f"--selector={exalb.SPEAKER}", f"--field-selector=spec.nodeName={first}")
        story.lab.kubectl("delete", "pod", f"--namespace={exalb.NAMESPACE}", *which)
        second = neighbourhood.other(first)
        neighbourhood.until_held(second)
        story.wait(f"{first} runs L2 again", lambda: _report(story, first).get("connected"), TIMEOUT)
    answers.note(note, "requests through the end of the pod that announces")
    assert len(answers.failures) <= 2, answers.failures
    assert len(answers.by_pod) == len(story.lab.nodes)
    switch = fabric.switch_of(story.lab.layout)
    try:
        with asking_from(client, address, RATE) as answers:
            switch.namespace.ip(f"link set {second} nomaster")
            neighbourhood.until_held(first)
            moved = time.time()
            assert _is_ready(story, second)
            story.wait(f"{first} reports it", lambda: _report(story, first).get("addresses"), TIMEOUT)
    finally:
        switch.namespace.ip(f"link set {second} master {switch.name}")
    answers.note(note, "requests through the loss of the node that announces")
    assert [failure for failure in answers.failures if failure.asked > moved] == [], moved
    assert answers.total > len(answers.failures)
    story.wait("one node announces it", lambda: _is_announced_once(story), TIMEOUT)
    assert client.run(["ping", "-c1", "-W1", FOREIGN], check=False).returncode


def _is_announced_once(story: Story) -> bool:
    reports = {node.name: _report(story, node.name) for node in story.lab.nodes}
    assert sum(report.get("addresses", 0) for report in reports.values()) == 1, reports
    return True


def _says(story: Story, node: str, address: Address) -> None:
    """Compare the words of the Service, of `explain` and of `routes`, and that all is well."""

    def said() -> str:
        status = story.lab.api.get(f"/api/v1/namespaces/{story.name}/services/web")["status"]
        found: list[str] = [one["message"] for one in status["conditions"] if one["type"] == "exalb.io/Announced"]
        assert "by 1 node on the LAN" in " ".join(found), found
        return found[0]

    story.wait("the Service says so", said, TIMEOUT)
    explained = _exalb(story, "explain", "service/web", "-n", story.name)
    where = rf"{address} announced on the LAN by node {node} on eth0 since \d{{4}}-\d\d-\d\dT[\d:]+Z or earlier"
    assert re.search(rf"{where}; if it fails, n\d follows", explained)
    assert re.search(rf"{address}/32 .*L2", _exalb(story, "routes", "service/web", "-n", story.name))
    other = next(one.name for one in story.lab.nodes if one.name != node)
    assert re.search(rf"{address} +moves on the LAN to {other} ", _exalb(story, "drain", node, "--simulate"))


def _exalb(story: Story, *arguments: str) -> str:
    command = [
        str(Path(sys.executable).with_name("kubectl-exalb")),
        *arguments,
        f"--kubeconfig={story.lab.layout.kubeconfig}",
    ]
    done = story.lab.layout.namespace(fabric.CONTROL_PLANE).run(command, check=False, timeout=2 * TIMEOUT)
    return done.stdout + done.stderr
