"""The page about an upgrade node by node is true: its commands, in their order, for a node with traffic."""

import re
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_network
from pathlib import Path

import pytest

from tests.lab import fabric
from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT, asking, pods_on, wait_rules
from tests.support.documented import commands
from tests.support.kernel import KernelRoutes
from tests.support.note import Note

RATE = 100.0
COMMANDS = commands("docs/how-to/upgrade-nodes.md", "kubectl .+")


@pytest.fixture
def clean(story: Story) -> Iterator[Story]:
    """Return the story; afterwards no node is drained or cordoned, whatever happened."""
    yield story
    for node in story.lab.nodes:
        story.lab.kubectl("annotate", "node", node.name, "exalb.io/drain-")
        story.lab.kubectl("uncordon", node.name)


def _run(story: Story, node: str, line: str) -> None:
    """Run a command of the page for this node."""
    words = re.sub(r"\bn1\b", node, line).split()[1:]
    if words[0] != "exalb":
        story.lab.kubectl(*words)
        return
    command = [str(Path(sys.executable).with_name("kubectl-exalb")), *words[1:]]
    argv = [*command, f"--kubeconfig={story.lab.layout.kubeconfig}"]
    done = story.lab.layout.namespace(fabric.CONTROL_PLANE).run(argv, check=False, timeout=2 * TIMEOUT)
    # Other stories of the lab may have Services on one node alone, which the simulation and the status say.
    assert done.returncode in ((0, 1) if words[1] == "status" or "--simulate" in words else (0,)), done.stdout


@pytest.mark.release
def test_routes_leave_the_node_before_its_pods_and_no_request_is_lost(clean: Story, note: Note) -> None:
    story, (first, second) = clean, [node.name for node in clean.lab.nodes]
    for name in (first, second):
        pods_on(story, name, 1)
    story.lab.apply(story.service("web", externalTrafficPolicy="Local"))
    [text] = story.wait_addresses("web", seconds=TIMEOUT)
    prefix = ip_network(text)
    wait_rules(story, IPv4Address(text))
    both = {prefix: frozenset(node.addresses[0] for node in story.lab.nodes)}
    other = {prefix: frozenset({story.lab.node(second).addresses[0]})}
    story.wait_routes(both, TIMEOUT)
    simulate, drain, evict, *back = COMMANDS
    _run(story, first, simulate)
    story.wait_routes(both, seconds=0)
    with KernelRoutes(story.network) as kernel, asking(story, IPv4Address(text), RATE) as answers:
        _run(story, first, drain)
        story.wait_routes(other, TIMEOUT)
        for line in (evict, *back):
            _run(story, first, line)
        story.wait_routes(both, TIMEOUT)
    answers.note(note, "requests through a drain, the eviction of all pods, and the return")
    moves = [change.time for change in kernel.changes if change.prefix == prefix]
    assert answers.lost(moves) == [], moves
    assert answers.total > RATE
