"""Failures of programs; the router keeps its routes unless they must change."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from exalb_bgp.rib import Address, Prefix
from tests.lab import exalb
from tests.lab.cluster import Lab
from tests.stories.story import Story
from tests.support import processes

UNCHECKED = b"\1\0\0\0"
"""The flags of byte code that is used without a look at its source (PEP 552)."""
DOCSTRINGS = (
    "import json, exalb, aiohttp.client; print(*(bool(each.__doc__) for each in (json, aiohttp.client, exalb)))"
)


def _announce(story: Story) -> Prefix:
    """Expose a deployment and return the address that every node announces."""
    story.deploy("web")
    story.lab.apply(story.service("web"))
    [prefix] = map(ip_network, story.wait_addresses("web"))
    story.wait_routes({prefix: _everyone(story)})
    story.wait_sessions()
    return prefix


def _everyone(story: Story) -> frozenset[Address]:
    return frozenset(node.addresses[0] for node in story.lab.nodes)


def _kill(story: Story, role: str) -> None:
    """Kill the processes of a role on every node, and wait until new ones run."""

    def running() -> set[int]:
        return {each.pid for each in processes.of(story.lab) if each.role == role}

    before = running()
    assert len(before) == len(story.lab.nodes), f"{role}: {before}"
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    story.wait(f"every node has a new {role}", lambda: len(running() - before) == len(before), seconds=60)


def _sessions(story: Story) -> dict[Address, int]:
    """Return how often each session with the story's router came up."""
    return {address: peering.connections for address, peering in story.router.peerings().items()}


def _are_new(before: dict[Address, int], now: dict[Address, int]) -> bool:
    return all(now.get(address, 0) != count for address, count in before.items())


def test_killed_speakers_drop_no_session_and_no_route(story: Story) -> None:
    """ExaBGP runs on; the new speakers change nothing at first, and then apply new changes."""
    prefix = _announce(story)
    before = _sessions(story)
    _kill(story, "speaker")
    story.lab.kubectl("rollout", "status", "daemonset/exalb-speaker", f"--namespace={exalb.NAMESPACE}")
    assert _sessions(story) == before
    story.wait_routes({prefix: _everyone(story)}, seconds=0)
    story.kubectl("delete", "service", "web")
    story.wait_routes({}, seconds=30)


def test_killed_exabgp_returns_with_same_routes(story: Story) -> None:
    """The sessions open again, and the router ends with the same routes."""
    prefix = _announce(story)
    before = _sessions(story)
    _kill(story, "exabgp")
    story.wait("every session is new", lambda: _are_new(before, _sessions(story)), seconds=60)
    story.wait_routes({prefix: _everyone(story)}, seconds=60)
    parts = {json.loads(line)["logger"] for line in _log(story, "bgp")}
    assert {"exalb_bgp.exabgp.supervisor.supervisor"} < parts, "ExaBGP itself logs as the others do"


def _log(story: Story, container: str) -> list[str]:
    """Return the lines that a container of one speaker logged."""
    where = ("daemonset/exalb-speaker", f"--namespace={exalb.NAMESPACE}", f"--container={container}")
    return story.lab.kubectl("logs", *where, "--tail=-1").splitlines()


@pytest.fixture(scope="module")
def own_lab(nodes: Lab) -> Iterator[Lab]:
    """Return a separate lab for stories that would disturb all others."""
    lab = Lab(f"{nodes.name}f")
    lab.up(1)
    try:
        exalb.install(lab)
        yield lab
    finally:
        lab.down()


@pytest.fixture
def own_story(own_lab: Lab) -> Story:
    """Return a story there."""
    return Story.begin(own_lab)


def test_routes_stay_while_api_server_is_down(own_story: Story) -> None:
    """The routes stay, and a change is made when the server is back."""
    prefix = _announce(own_story)
    before = _sessions(own_story)
    control = own_story.lab.control_plane
    control.stop("kube-apiserver")
    _kill(own_story, "speaker")
    own_story.wait_routes({prefix: _everyone(own_story)}, seconds=0)
    control.start("kube-apiserver")
    control.wait_ready()
    own_story.wait("the Service can be deleted", lambda: own_story.kubectl("delete", "service", "web"))
    own_story.wait_routes({}, seconds=60)
    assert _sessions(own_story) == before


def test_deleted_node_withdraws_and_announces_when_back(own_story: Story) -> None:
    """If the session only ended, the router would keep its routes for a graceful restart."""
    prefix = _announce(own_story)
    [node] = own_story.lab.nodes
    own_story.lab.kubectl("delete", "node", node.name, "--wait=false")
    own_story.wait_routes({})
    own_story.wait("the router has no session", lambda: not _established(own_story))
    assert own_story.addresses("web") == [str(prefix.network_address)]
    node.signal("kubelet", signal.SIGKILL)  # the next kubelet registers the node again
    own_story.wait_routes({prefix: _everyone(own_story)}, seconds=180)


def _established(story: Story) -> set[Address]:
    return {address for address, peering in story.router.peerings().items() if peering.established}


def test_no_program_compiles_python_when_it_starts(story: Story) -> None:
    """A reproducible image has other times of files than the byte code knows; each process would compile it again."""
    [speaker, *_] = (each for each in processes.of(story.lab) if each.role == "speaker")
    root = Path(f"/proc/{speaker.pid}/root")
    files = [*root.glob("usr/lib/python3.11/**/*.pyc"), *root.glob("opt/exalb/lib/**/*.pyc")]
    assert len(files) > 1000
    assert not [str(file) for file in files if file.read_bytes()[4:8] != UNCHECKED]
    argv: list[str | Path] = ["chroot", root, "/opt/exalb/bin/python", "-c", DOCSTRINGS]
    said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    assert said == "False False True\n", "packages have none in memory; ours are the help of commands"
