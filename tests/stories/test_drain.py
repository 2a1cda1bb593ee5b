"""A node that is drained: its routes move to the other node, come back afterwards, and no request is lost."""

import json
import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from exalb_bgp.rib import GRACEFUL_SHUTDOWN, Address
from tests.lab import fabric, wait
from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT, asking, pods_on, wait_rules
from tests.support.documented import commands, the_command
from tests.support.kernel import KernelRoutes
from tests.support.kubernetes.events import times
from tests.support.note import Note

RATE = 200.0
DRAIN = "exalb.io/drain"
ANNOTATE = the_command("docs/how-to/drain.md", "kubectl annotate .+ exalb.io/drain=true")
WAIT = the_command("docs/how-to/drain.md", "kubectl wait .+")
REMOVE = the_command("docs/how-to/drain.md", "kubectl annotate .+ exalb.io/drain-")
FORCE = the_command("docs/how-to/drain.md", "kubectl annotate .+=force --overwrite")
STATE = the_command("docs/how-to/drain.md", "kubectl get bgpspeakers.exalb.io n1 -o jsonpath.+")
FIRST = commands("docs/how-to/drain.md", "kubectl exalb drain n1 (--simulate|--wait|--undo --wait)")
IN_STEPS = the_command("docs/how-to/drain.md", "kubectl exalb drain n1 --undo .+ --timeout 180")
EXALB_FORCE = the_command("docs/how-to/drain.md", "kubectl exalb drain n1 --force")
"""The commands of the how-to page."""


@pytest.fixture
def undrained(story: Story) -> Iterator[Story]:
    """Return the story; afterwards no node has the annotation, whatever happened."""
    yield story
    for node in story.lab.nodes:
        story.lab.kubectl("annotate", "node", node.name, f"{DRAIN}-")


def _announced(story: Story, address: Address) -> dict[Address, bool]:
    """Return the nodes that announce the address, and whether the route has GRACEFUL_SHUTDOWN."""
    routes = [route for route in story.router.routes() if route.prefix == ip_network(address)]
    return {ip_address(route.peer): GRACEFUL_SHUTDOWN in route.communities for route in routes}


def _wait_announced(story: Story, address: Address, **depreferred: bool) -> None:
    """Return when exactly these nodes announce the address, each with GRACEFUL_SHUTDOWN or without."""
    wanted = {story.lab.node(name).addresses[0]: value for name, value in depreferred.items()}

    def reached() -> bool:
        found = _announced(story, address)
        assert found == wanted, found
        return True

    story.wait(f"the router has {wanted} for {address}", reached, TIMEOUT)


def _drain(story: Story, node: str) -> Any:
    status = story.lab.api.get(f"/apis/exalb.io/v1beta1/bgpspeakers/{node}")["status"]
    return status.get("drain", {})


def _wait_state(story: Story, node: str, state: str | None, held: int = 0) -> Any:
    """Return the drain in the node's BGPSpeaker once it is in this state and holds so many prefixes."""

    def reached() -> Any:
        found = _drain(story, node)
        assert (found.get("state"), found.get("held", 0)) == (state, held), found
        return found or True

    return wait.until(f"the drain of {node} is {state}", reached, seconds=TIMEOUT)


def _run(story: Story, node: str, line: str) -> str:
    """Run a command of kubectl of the how-to page, for this node."""
    return story.lab.kubectl(*re.sub(r"\bn1\b", node, line).split()[1:])


def _service(story: Story, policy: str) -> IPv4Address:
    story.lab.apply(story.service("web", externalTrafficPolicy=policy))
    [text] = story.wait_addresses("web", seconds=TIMEOUT)
    wait_rules(story, IPv4Address(text))
    return IPv4Address(text)


def _events(story: Story, node: str) -> Counter[str]:
    """Count the events about the drain of a node, by reason."""
    found = story.lab.api.items("/apis/events.k8s.io/v1/namespaces/default/events")
    reasons: Counter[str] = Counter()
    for each in found:
        about = each["regarding"]["kind"], each["regarding"].get("name")
        if about == ("BGPSpeaker", node) and each["reason"].startswith("Drain"):
            reasons[each["reason"]] += times(each)
    return reasons


def _wait_events(story: Story, node: str, before: Counter[str], *reasons: str) -> None:
    """Return when there is one more event for each of these reasons, and for no other."""

    def posted() -> bool:
        found = _events(story, node) - before
        assert found == Counter(reasons), found
        return True

    story.wait(f"the events {reasons} are posted", posted, TIMEOUT)


def test_drain_and_its_undo_lose_no_request(undrained: Story, note: Note) -> None:
    """200 requests a second while the node leaves and comes back."""
    story, (first, second) = undrained, [node.name for node in undrained.lab.nodes]
    for name in (first, second):
        pods_on(story, name, 1)
    address = _service(story, "Local")
    _wait_announced(story, address, **{first: False, second: False})
    before = _events(story, first)
    with KernelRoutes(story.network) as kernel, asking(story, address, RATE) as answers:
        _run(story, first, ANNOTATE)
        _run(story, first, WAIT)
        _wait_announced(story, address, **{second: False})
        _run(story, first, REMOVE)
        _wait_announced(story, address, **{first: False, second: False})
        _wait_state(story, first, None)
    answers.note(note, "requests through a drain and its undo")
    moves = [change.time for change in kernel.changes if change.prefix == ip_network(address)]
    note("moves of the route", len(moves))
    assert answers.total > RATE
    assert answers.lost(moves) == [], moves
    _wait_events(story, first, before, "DrainBegun", "DrainWithdrawn", "DrainUndone")


def test_address_without_another_node_is_held(undrained: Story) -> None:
    """Its pods run on the drained node alone; force takes it down."""
    story, (first, _) = undrained, [node.name for node in undrained.lab.nodes]
    pods_on(story, first, 1)
    address = _service(story, "Local")
    _wait_announced(story, address, **{first: False})
    before = _events(story, first)
    with asking(story, address, RATE) as answers:
        story.lab.kubectl("annotate", "node", first, f"{DRAIN}=true")
        _wait_announced(story, address, **{first: True})
        _wait_state(story, first, "Withdrawn", held=1)
    assert answers.failures == []
    assert f"{story.name}/web" in json.loads(_run(story, first, STATE))["message"]
    _wait_events(story, first, before, "DrainBegun", "DrainHoldsPrefixes", "DrainWithdrawn")
    _run(story, first, FORCE)
    _wait_announced(story, address)
    code, text = _exalb(story, first, IN_STEPS)
    assert code == 0, text
    _wait_announced(story, address, **{first: False})
    code, text = _exalb(story, first, EXALB_FORCE)
    assert code == 0, text
    _wait_announced(story, address)


def _exalb(story: Story, node: str, line: str) -> tuple[int, str]:
    """Run a command of `kubectl exalb` of the how-to page for this node; return its exit code and its output."""
    arguments = re.sub(r"\bn1\b", node, line).split()[2:]
    program = [str(Path(sys.executable).with_name("kubectl-exalb")), *arguments]
    kubeconfig = f"--kubeconfig={story.lab.layout.kubeconfig}"
    done = story.lab.layout.namespace(fabric.CONTROL_PLANE).run(
        [*program, kubeconfig], check=False, timeout=2 * TIMEOUT
    )
    return done.returncode, done.stdout + done.stderr


def test_command_drains_and_brings_back(undrained: Story, note: Note) -> None:
    """The simulation says the same as the drain does; an address without another node makes the exit code 1."""
    story, (first, second) = undrained, [node.name for node in undrained.lab.nodes]
    for name in (first, second):
        pods_on(story, name, 1)
    address = _service(story, "Local")
    _wait_announced(story, address, **{first: False, second: False})
    _wait_state(story, first, None)
    simulate, drain, undo = FIRST
    code, text = _exalb(story, first, f"{simulate} -o=json")
    moved = {entry["prefix"]: entry["services"] for entry in json.loads(text)["moved"]}
    assert (code, moved[f"{address}/32"]) == (0, [f"{story.name}/web"])
    _wait_announced(story, address, **{first: False, second: False})
    with KernelRoutes(story.network) as kernel, asking(story, address, RATE) as answers:
        code, text = _exalb(story, first, drain)
        assert (code, "Withdrawn" in text) == (0, True), text
        _wait_announced(story, address, **{second: False})
        code, text = _exalb(story, second, simulate)
        assert (code, f"would take 1 Service down: {story.name}/web" in text) == (1, True), text
        code, text = _exalb(story, first, undo)
        assert code == 0, text
        _wait_announced(story, address, **{first: False, second: False})
    answers.note(note, "requests through a drain by the command")
    moves = [change.time for change in kernel.changes if change.prefix == ip_network(address)]
    assert answers.lost(moves) == [], moves


def test_node_that_shuts_down_withdraws_everything(undrained: Story) -> None:
    """As a kubelet reports a graceful node shutdown; also the address that no other node announces is withdrawn."""
    story, node = undrained, undrained.lab.nodes[0]
    pods_on(story, node.name, 1)
    address = _service(story, "Local")
    _wait_announced(story, address, **{node.name: False})
    node.signal("kubelet", signal.SIGSTOP)
    try:
        _set_ready(story, node.name, status="False", message="node is shutting down")
        _wait_announced(story, address)
        assert _wait_state(story, node.name, "Withdrawn")["cause"] == "NodeShutdown"
    finally:
        node.signal("kubelet", signal.SIGCONT)
        _set_ready(story, node.name, status="True", message="kubelet is posting ready status")
    _wait_announced(story, address, **{node.name: False})


def _set_ready(story: Story, node: str, **fields: str) -> None:
    patch = json.dumps({"status": {"conditions": [{"type": "Ready", "reason": "Story", **fields}]}})
    story.kubectl("patch", f"node/{node}", "--subresource=status", "--type=strategic", f"--patch={patch}")
