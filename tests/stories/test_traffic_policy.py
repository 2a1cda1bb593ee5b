"""Nodes announce a Service while any endpoint is ready, or only while one of their own is."""

from ipaddress import ip_network

from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT, deployment


def test_policy_local_is_announced_by_nodes_with_ready_pod(story: Story) -> None:
    """One pod, one node; the Deployment is scaled to zero, and the route is withdrawn."""
    story.deploy("web")
    story.lab.apply(story.service("web", externalTrafficPolicy="Local"))
    [prefix] = map(ip_network, story.wait_addresses("web"))
    [pod] = story.lab.api.items(f"/api/v1/namespaces/{story.name}/pods")
    node = story.lab.node(pod["spec"]["nodeName"])
    story.wait_routes({prefix: frozenset({node.addresses[0]})})
    story.kubectl("scale", "deployment", "web", "--replicas=0")
    story.wait_routes({})


def test_policy_cluster_is_announced_by_every_node_while_any_pod_is_ready(story: Story) -> None:
    """One pod is enough for all nodes; without a pod no node announces the address."""
    story.deploy("web")
    story.lab.apply(story.service("web"))
    [prefix] = map(ip_network, story.wait_addresses("web"))
    everyone = frozenset(node.addresses[0] for node in story.lab.nodes)
    story.wait_routes({prefix: everyone})
    story.kubectl("scale", "deployment", "web", "--replicas=0")
    story.wait_routes({})
    story.kubectl("scale", "deployment", "web", "--replicas=1")
    story.wait_routes({prefix: everyone})


def test_published_unready_endpoints_are_announced(story: Story) -> None:
    """Kubernetes reports such endpoints as ready; a Service without the field is not announced."""
    never = {"tcpSocket": {"port": 9}, "periodSeconds": 1}
    story.lab.apply(deployment(story, "web", 1, "web", container={"readinessProbe": never}))
    story.lab.apply(story.service("plain", selector={"app": "web"}))
    story.lab.apply(story.service("web", publishNotReadyAddresses=True))
    story.wait_addresses("plain", seconds=TIMEOUT)
    [prefix] = map(ip_network, story.wait_addresses("web", seconds=TIMEOUT))
    story.wait_routes({prefix: frozenset(node.addresses[0] for node in story.lab.nodes)}, TIMEOUT)
