"""A machine that shuts down, as logind says to its kubelet: the node drains before its pods end, and comes back."""

import os
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_network
from typing import Any

import pytest

from exalb_bgp.rib import GRACEFUL_SHUTDOWN, Prefix
from tests.lab import exalb, logind
from tests.lab.cluster import Lab
from tests.lab.fixtures import require
from tests.lab.node import Node
from tests.lab.packages import SHUTDOWN
from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT, asking, deployment, rolled_out, wait_rules
from tests.support.bgp.messages import Kind, Message
from tests.support.bgp.sniffer import Wire
from tests.support.kernel import KernelRoutes
from tests.support.note import Note

pytestmark = [pytest.mark.release, pytest.mark.timeout(900)]
RATE = 100.0
STAY = 5
"""Seconds for which a web server serves after the kubelet has begun to end its pod, as people let theirs."""
CEASE_ADMINISTRATIVE_SHUTDOWN = bytes([6, 2])


@pytest.fixture
def story() -> Iterator[Story]:
    """Return a story in a lab of its own, whose nodes have logind."""
    require(SHUTDOWN)
    lab = Lab(f"g{os.getpid():x}")
    lab.up(2, shutdown=True)
    try:
        exalb.install(lab)
        yield Story.begin(lab)
    finally:
        lab.down()


def test_shutdown_moves_the_routes_before_pods_end_and_graceful_restart_keeps_none(story: Story, note: Note) -> None:
    """The kubelet learns of it from logind, reports it, and ends the speaker last; no request is lost, also later."""
    first, second = story.lab.nodes
    address = _expose(story)
    prefix = ip_network(address)
    both, other = ({prefix: frozenset(node.addresses[0] for node in nodes)} for nodes in ((first, second), (second,)))
    _wait_forwarded(story, both)
    with Wire(story.network) as wire, KernelRoutes(story.network) as kernel, asking(story, address, RATE) as answers:
        begun = time.time()
        first.run(logind.POWER_OFF)
        _wait_forwarded(story, other)
        assert first.pid is not None
        assert "shutting down" in _ready(story, first)["message"]
        story.wait("the machine is off", lambda: first.pid is None, TIMEOUT)
        off = time.time()
        assert {prefix: story.router.prefixes()[prefix]} == other
        first.restart()
        _wait_forwarded(story, both)
    answers.note(note, "requests through a shutdown and the start after it")
    moves = [change.time for change in kernel.changes if change.prefix == prefix]
    note("s from the command until the router had left the node", round(moves[0] - begun, 3))
    note("s from the command until the machine was off", round(off - begun, 3))
    assert answers.lost(moves) == [], moves
    assert answers.total > RATE * STAY
    messages = [m for m in wire.messages if m.source == first.addresses[0] and begun < m.time < off]
    assert _steps(messages, prefix) == ["depreferred", "withdrawn", "End-of-RIB", "Cease"]
    assert messages[-1].time - begun > STAY, "the session ended before the web server"


def _expose(story: Story) -> IPv4Address:
    """Return the address of a Service with a pod on each node, each of which serves for a while when it is to end."""
    stays = {"lifecycle": {"preStop": {"sleep": {"seconds": STAY}}}}
    for node in story.lab.nodes:
        story.lab.apply(deployment(story, f"web-{node.name}", 1, "web", nodeName=node.name, container=stays))
    for node in story.lab.nodes:
        rolled_out(story, f"web-{node.name}")
    story.lab.apply(story.service("web", externalTrafficPolicy="Local"))
    [text] = story.wait_addresses("web", seconds=TIMEOUT)
    wait_rules(story, IPv4Address(text))
    return IPv4Address(text)


def _wait_forwarded(story: Story, wanted: Any) -> None:
    """Return when the router's kernel has these routes."""
    ((prefix, gateways),) = wanted.items()

    def forwarded() -> bool:
        found = story.router.kernel_routes().get(prefix)
        assert found == gateways, found
        return True

    story.wait(f"the router forwards {prefix} to {gateways}", forwarded, TIMEOUT)


def _ready(story: Story, node: Node) -> Any:
    conditions = story.lab.api.get(f"/api/v1/nodes/{node.name}")["status"]["conditions"]
    return next(one for one in conditions if one["type"] == "Ready")


def _steps(messages: list[Message], prefix: Prefix) -> list[str]:
    """Name each step that the session's messages show, once."""
    return list(dict.fromkeys(step for message in messages if (step := _step(message, prefix))))


def _step(message: Message, prefix: Prefix) -> str:
    if message.kind is Kind.NOTIFICATION:
        return "Cease" if message.error == CEASE_ADMINISTRATIVE_SHUTDOWN else f"NOTIFICATION {message.error!r}"
    if message.kind is not Kind.UPDATE:
        return ""
    if message.end_of_rib:
        return "End-of-RIB"
    if prefix in message.withdrawn:
        return "withdrawn"
    return "depreferred" if prefix in message.announced and GRACEFUL_SHUTDOWN in message.communities else "other"
