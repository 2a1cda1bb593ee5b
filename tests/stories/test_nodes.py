"""Nodes that must not attract traffic: excluded, without a network, or with a kube-proxy that is not healthy."""

import json
import signal
from ipaddress import ip_network

import pytest

from exalb_bgp.rib import Prefix
from tests.lab import exalb
from tests.stories.story import Story
from tests.stories.traffic import PATIENCE

EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"


@pytest.fixture
def announced(story: Story) -> Prefix:
    """Return the address of a Service that every node announces, with healthy kube-proxies."""
    story.deploy("web")
    story.lab.apply(story.service("web"))
    [prefix] = map(ip_network, story.wait_addresses("web", seconds=PATIENCE))
    _wait_from(story, prefix, 0, 1)
    return prefix


def _wait_from(story: Story, prefix: Prefix, *nodes: int) -> None:
    story.wait_routes({prefix: frozenset(story.lab.nodes[node].addresses[0] for node in nodes)}, PATIENCE)


def _wait_says(story: Story, reason: str) -> None:
    """Return when the first node's BGPSpeaker says this of its data plane."""

    def said() -> bool:
        name = story.lab.nodes[0].name
        conditions = story.lab.api.get(f"/apis/exalb.io/v1beta1/bgpspeakers/{name}")["status"]["conditions"]
        [found] = (one["reason"] for one in conditions if one["type"] == "DataPlaneHealthy")
        assert found == reason, found
        return True

    story.wait(f"the node says {reason}", said, PATIENCE)


def test_a_node_whose_kube_proxy_stops_is_withdrawn_and_comes_back(story: Story, announced: Prefix) -> None:
    """A kube-proxy that hangs answers nothing; five seconds of that are enough."""
    node = story.lab.nodes[0]
    _wait_says(story, "Healthy")
    node.signal("kube-proxy", signal.SIGSTOP)
    try:
        _wait_from(story, announced, 1)
        _wait_says(story, "DataPlaneDown")
    finally:
        node.signal("kube-proxy", signal.SIGCONT)
    _wait_from(story, announced, 0, 1)
    _wait_says(story, "Healthy")


def test_a_speaker_that_starts_waits_for_the_kube_proxy_that_was_there(story: Story, announced: Prefix) -> None:
    """As after the boot of a node: speaker and BGP engine are new, and kube-proxy is not healthy yet."""
    node = story.lab.nodes[0]
    _wait_says(story, "Healthy")
    node.signal("kube-proxy", signal.SIGSTOP)
    try:
        which = (f"--selector={exalb.SPEAKER}", f"--field-selector=spec.nodeName={node.name}")
        story.lab.kubectl("delete", "pod", f"--namespace={exalb.NAMESPACE}", *which)
        _wait_from(story, announced, 1)
        _wait_says(story, "DataPlaneDown")
    finally:
        node.signal("kube-proxy", signal.SIGCONT)
    _wait_from(story, announced, 0, 1)


def test_a_node_that_is_excluded_is_withdrawn_and_comes_back(story: Story, announced: Prefix) -> None:
    """The label alone counts, whatever its value."""
    name = story.lab.nodes[0].name
    story.lab.kubectl("label", "node", name, f"{EXCLUDED}=")
    try:
        _wait_from(story, announced, 1)
    finally:
        story.lab.kubectl("label", "node", name, f"{EXCLUDED}-")
    _wait_from(story, announced, 0, 1)


def test_a_node_without_a_network_is_withdrawn_and_comes_back(story: Story, announced: Prefix) -> None:
    """A network plugin says by the condition NetworkUnavailable that pods cannot be reached there."""
    name = story.lab.nodes[0].name
    _set_unavailable(story, name, "True")
    try:
        _wait_from(story, announced, 1)
    finally:
        _set_unavailable(story, name, "False")
    _wait_from(story, announced, 0, 1)


def _set_unavailable(story: Story, name: str, status: str) -> None:
    condition = {"type": "NetworkUnavailable", "status": status, "reason": "Story", "message": "for a story"}
    patch = json.dumps({"status": {"conditions": [condition]}})
    story.lab.kubectl("patch", "node", name, "--subresource=status", "--type=strategic", f"--patch={patch}")
