"""Which nodes announce a Service: all while any endpoint is ready, or only those that have one of their own."""

from ipaddress import ip_network

from tests.stories.story import Story
from tests.stories.traffic import PATIENCE, deployment


def test_policy_local_is_announced_by_the_nodes_that_have_a_ready_pod(story: Story) -> None:
    """One pod, one node; the pod moves by being scaled away, and the route goes with it."""
    story.deploy("web")
    story.lab.apply(story.service("web", externalTrafficPolicy="Local"))
    [prefix] = map(ip_network, story.wait_addresses("web"))
    [pod] = story.lab.api.items(f"/api/v1/namespaces/{story.name}/pods")
    node = story.lab.node(pod["spec"]["nodeName"])
    story.wait_routes({prefix: frozenset({node.addresses[0]})})
    story.kubectl("scale", "deployment", "web", "--replicas=0")
    story.wait_routes({})


def test_policy_cluster_is_announced_by_every_node_while_any_pod_is_ready(story: Story) -> None:
    """One pod is enough for all nodes; without any, nobody announces."""
    story.deploy("web")
    story.lab.apply(story.service("web"))
    [prefix] = map(ip_network, story.wait_addresses("web"))
    everyone = frozenset(node.addresses[0] for node in story.lab.nodes)
    story.wait_routes({prefix: everyone})
    story.kubectl("scale", "deployment", "web", "--replicas=0")
    story.wait_routes({})
    story.kubectl("scale", "deployment", "web", "--replicas=1")
    story.wait_routes({prefix: everyone})


def test_endpoints_published_though_not_ready_are_announced(story: Story) -> None:
    """Kubernetes says of them that they are ready; a Service without that wish is not told."""
    never = {"tcpSocket": {"port": 9}, "periodSeconds": 1}
    story.lab.apply(deployment(story, "web", 1, "web", container={"readinessProbe": never}))
    story.lab.apply(story.service("plain", selector={"app": "web"}))
    story.lab.apply(story.service("web", publishNotReadyAddresses=True))
    story.wait_addresses("plain", seconds=PATIENCE)
    [prefix] = map(ip_network, story.wait_addresses("web", seconds=PATIENCE))
    story.wait_routes({prefix: frozenset(node.addresses[0] for node in story.lab.nodes)}, PATIENCE)
