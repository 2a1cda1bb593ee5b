"""Nodes that must not attract all traffic: excluded, without a network, with a failed kube-proxy or kubelet."""

import json
import signal
from collections.abc import Mapping
from ipaddress import ip_network

import pytest

from exalb_bgp.rib import Prefix
from tests.lab import exalb
from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT, pods_on

EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"


@pytest.fixture
def announced(story: Story) -> Prefix:
    """Return the address of a Service that every node announces, with healthy kube-proxies."""
    story.deploy("web")
    story.lab.apply(story.service("web"))
    [prefix] = map(ip_network, story.wait_addresses("web", seconds=TIMEOUT))
    _wait_from(story, prefix, 0, 1)
    return prefix


def _wait_from(story: Story, prefix: Prefix, *nodes: int) -> None:
    story.wait_routes({prefix: frozenset(story.lab.nodes[node].addresses[0] for node in nodes)}, TIMEOUT)


def _wait_says(story: Story, reason: str) -> None:
    """Return when the first node's BGPSpeaker has this reason for its data plane."""

    def said() -> bool:
        name = story.lab.nodes[0].name
        conditions = story.lab.api.get(f"/apis/exalb.io/v1beta1/bgpspeakers/{name}")["status"]["conditions"]
        [found] = (condition["reason"] for condition in conditions if condition["type"] == "DataPlaneHealthy")
        assert found == reason, found
        return True

    story.wait(f"the node has the reason {reason}", said, TIMEOUT)


def test_node_with_stopped_kube_proxy_withdraws(story: Story, announced: Prefix) -> None:
    """A hung kube-proxy does not answer; five seconds are enough."""
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


def test_new_speaker_waits_for_kube_proxy(story: Story, announced: Prefix) -> None:
    """As after the boot of a node: speaker and BGP engine start, and kube-proxy is not healthy yet."""
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


def test_excluded_node_withdraws(story: Story, announced: Prefix) -> None:
    """The label counts with any value."""
    name = story.lab.nodes[0].name
    story.lab.kubectl("label", "node", name, f"{EXCLUDED}=")
    try:
        _wait_from(story, announced, 1)
    finally:
        story.lab.kubectl("label", "node", name, f"{EXCLUDED}-")
    _wait_from(story, announced, 0, 1)


def test_node_without_network_withdraws(story: Story, announced: Prefix) -> None:
    """A network plugin sets the condition NetworkUnavailable when pods cannot be reached on the node."""
    name = story.lab.nodes[0].name
    _set_unavailable(story, name, "True")
    try:
        _wait_from(story, announced, 1)
    finally:
        _set_unavailable(story, name, "False")
    _wait_from(story, announced, 0, 1)


def _set_unavailable(story: Story, name: str, status: str) -> None:
    _set(story, f"node/{name}", NetworkUnavailable=status)


def _set(story: Story, what: str, **conditions: str) -> None:
    said = {"reason": "Story", "message": "for a story"}
    found = [{"type": kind, "status": status, **said} for kind, status in conditions.items()]
    patch = json.dumps({"status": {"conditions": found}})
    story.kubectl("patch", what, "--subresource=status", "--type=strategic", f"--patch={patch}")


def test_node_without_kubelet_serves_ready_pods(story: Story) -> None:
    """Kubernetes makes its pods unready a minute later; the story does not wait for that, and does it itself."""
    node, addresses = story.lab.nodes[0], {}
    for name in ("n1", "n2"):
        pods_on(story, name, 1)
    for name, policy in (("web", "Cluster"), ("local", "Local")):
        story.lab.apply(story.service(name, externalTrafficPolicy=policy, selector={"app": "web"}))
        [addresses[name]] = map(ip_network, story.wait_addresses(name, seconds=TIMEOUT))
    _wait_shared(story, {addresses["web"]: (0, 1), addresses["local"]: (0, 1)})
    node.signal("kubelet", signal.SIGSTOP)
    try:
        _set(story, f"node/{node.name}", Ready="False")
        story.lab.apply(
            story.service("late", selector={"app": "web"})
        )  # by then the speaker knows the state of the node
        [late] = map(ip_network, story.wait_addresses("late", seconds=TIMEOUT))
        _wait_shared(story, {addresses["web"]: (0, 1), addresses["local"]: (0, 1), late: (0, 1)})
        [pod] = story.kubectl("get", "pod", f"--field-selector=spec.nodeName={node.name}", "--output=name").split()
        _set(story, pod, Ready="False", ContainersReady="False")
        _wait_shared(story, {addresses["web"]: (0, 1), addresses["local"]: (1,), late: (0, 1)})
    finally:
        node.signal("kubelet", signal.SIGCONT)
        _set(story, f"node/{node.name}", Ready="True")
    _wait_shared(story, {addresses["web"]: (0, 1), addresses["local"]: (0, 1), late: (0, 1)})


def _wait_shared(story: Story, wanted: Mapping[Prefix, tuple[int, ...]]) -> None:
    """Return when the router has each prefix from these nodes."""
    routes = {
        prefix: frozenset(story.lab.nodes[number].addresses[0] for number in nodes) for prefix, nodes in wanted.items()
    }
    story.wait_routes(routes, TIMEOUT)
