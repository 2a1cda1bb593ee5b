"""A node that comes back from a drain in steps, while the address that it alone announces is served all the time."""

import json
import os
import sys
from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from typing import Any

import pytest

from exalb_bgp.rib import GRACEFUL_SHUTDOWN
from tests.lab import exalb, fabric
from tests.lab.cluster import Lab
from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT, asking, pods_on, wait_rules
from tests.support.kernel import KernelRoutes
from tests.support.note import Note

pytestmark = [pytest.mark.release, pytest.mark.timeout(900)]
DRAIN = "exalb.io/drain"
RATE = 50.0
SECONDS = 8
"""Of each step: long enough to ask a command in the middle of it."""
VALUES = {"speaker": {"drain": {"returnSeconds": SECONDS, "returnSteps": ["prepend=2"], "returnStepSeconds": SECONDS}}}


@pytest.fixture
def story() -> Iterator[Story]:
    """Return a story in a lab of its own, whose nodes come back in two steps."""
    lab = Lab(f"o{os.getpid():x}")
    lab.up(2)
    try:
        exalb.install(lab, VALUES)
        yield Story.begin(lab)
    finally:
        lab.down()


def _served(story: Story, name: str, *nodes: str) -> IPv4Address:
    """Return the address of a Service with policy Local and a pod on each of these nodes."""
    for node in nodes:
        pods_on(story, node, 1, name)
    story.lab.apply(story.service(name, externalTrafficPolicy="Local"))
    address = IPv4Address(story.wait_addresses(name, seconds=TIMEOUT)[0])
    wait_rules(story, address)
    return address


def _announced(story: Story, address: IPv4Address) -> dict[str, tuple[bool, int]]:
    """Return by node whether its route has GRACEFUL_SHUTDOWN, and how long AS_PATH is."""
    names = {str(node.addresses[0]): node.name for node in story.lab.nodes}
    return {
        names[str(route.peer)]: (GRACEFUL_SHUTDOWN in route.communities, len(route.as_path))
        for route in story.router.routes()
        if route.prefix == ip_network(address)
    }


def _is_announced(story: Story, wanted: dict[IPv4Address, dict[str, tuple[bool, int]]]) -> bool:
    found = {address: _announced(story, address) for address in wanted}
    assert found == wanted, found
    return True


def _drain(story: Story, node: str) -> Any:
    return story.lab.api.get(f"/apis/exalb.io/v1beta1/bgpspeakers/{node}")["status"].get("drain", {})


def _in_step(story: Story, node: str, number: int) -> bool:
    found = _drain(story, node)
    assert found.get("returning", {}).get("step") == number, found
    return True


def _explained(story: Story, node: str) -> str:
    command = [str(Path(sys.executable).with_name("kubectl-exalb")), "explain", f"node/{node}", "-o=json"]
    kubeconfig = f"--kubeconfig={story.lab.layout.kubeconfig}"
    done = story.lab.layout.namespace(fabric.CONTROL_PLANE).run([*command, kubeconfig], check=False)
    return " ".join(step["message"] for step in json.loads(done.stdout)["steps"] if step["hop"] == "Drain")


def test_node_comes_back_step_by_step(story: Story, note: Note) -> None:
    """The address of both nodes goes to the other one until the end; that of this node alone is served all the time."""
    first, second = (node.name for node in story.lab.nodes)
    both, alone = _served(story, "both", first, second), _served(story, "alone", first)
    plain, unwanted, longer = (False, 1), (True, 1), (False, 3)
    story.wait("all is announced", partial(_is_announced, story, _wanted(both, alone, first, second, plain)), TIMEOUT)
    with KernelRoutes(story.network) as kernel, asking(story, both, RATE) as shared, asking(story, alone, RATE) as own:
        story.lab.kubectl("annotate", "node", first, f"{DRAIN}=true")
        away = {both: {second: plain}, alone: {first: unwanted}}
        story.wait("the drained node holds what it alone announces", partial(_is_announced, story, away), TIMEOUT)
        story.wait("it is withdrawn", lambda: _drain(story, first).get("state") == "Withdrawn", TIMEOUT)
        left = len(kernel.changes)
        story.lab.kubectl("annotate", "node", first, f"{DRAIN}-")
        for number, how in ((1, unwanted), (2, longer)):
            wanted = _wanted(both, alone, first, second, how)
            story.wait(f"FRR has step {number}", partial(_is_announced, story, wanted), TIMEOUT)
            story.wait(f"the report says step {number}", partial(_in_step, story, first, number), SECONDS)
            assert f"step {number} of 2" in _explained(story, first)
            assert story.router.kernel_routes()[ip_network(both)] == {story.lab.node(second).addresses[0]}
        wanted = _wanted(both, alone, first, second, plain)
        story.wait("all is as before", partial(_is_announced, story, wanted), TIMEOUT)
        story.wait("the drain has ended", lambda: not _drain(story, first), TIMEOUT)
    shared.note(note, "requests to both nodes through a drain and a return in steps")
    own.note(note, "requests to the only node through the same")
    moves = [change.time for change in kernel.changes if change.prefix == ip_network(both)]
    assert [change.prefix for change in kernel.changes[left:]] == [ip_network(both)], (
        "one move: at the end of the return"
    )
    assert (shared.lost(moves), own.failures) == ([], [])


def _wanted(
    both: IPv4Address, alone: IPv4Address, first: str, second: str, how: tuple[bool, int]
) -> dict[IPv4Address, dict[str, tuple[bool, int]]]:
    return {both: {first: how, second: (False, 1)}, alone: {first: how}}
