"""The demo for newcomers, as a story."""

from ipaddress import ip_address, ip_network
from typing import Any

from tests.lab import demo, wait
from tests.lab.cluster import Lab
from tests.stories.story import Story

OWN: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "own", "namespace": "default"},
    "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
}


def test_demo_works_word_for_word(lab: Lab) -> None:
    """Two deployments exposed, asked from outside and deleted; the pool is for namespace `default` alone.

    The demo works despite the rest of an interrupted demo, and despite another Service with an address of the pool.
    """
    metadata = {**demo.POOL["metadata"], "annotations": {"exalb.io/allow-deletion": "true"}}
    spec = {**demo.POOL["spec"], "serviceAllocation": {"namespaces": ["default"]}}
    pool = {**demo.POOL, "metadata": metadata, "spec": spec}
    left = next(iter(demo.SERVICES))
    try:
        lab.kubectl("create", "deployment", left, f"--image={demo.SERVICES[left]}")
        lab.kubectl("expose", "deployment", left, "--type=LoadBalancer", "--port=80")
        lab.apply([pool, OWN])
        before = wait.until("the other Service has an address", lambda: address(lab))
        demo.run(lab, pool)
        assert address(lab) == before
    finally:
        for kind in ("service", "deployment"):
            lab.kubectl("delete", kind, *demo.SERVICES, "--ignore-not-found")
        lab.delete([pool, OWN])


def address(lab: Lab) -> str:
    """Return the address of the other Service, or an empty text."""
    return lab.kubectl("get", "service", OWN["metadata"]["name"], f"--output=jsonpath={demo.FIRST_ADDRESS}")


def test_dual_stack_service_has_route_of_each_family_from_every_node(story: Story) -> None:
    """Both addresses come from the story's pool, and each is announced on the session of its family."""
    story.deploy("web")
    story.lab.apply(story.service("web", ipFamilyPolicy="RequireDualStack"))
    four, six = sorted(map(ip_address, story.wait_addresses("web", 2)), key=lambda address: address.version)
    assert four in story.pool4
    assert six in story.pool6
    senders = list(zip(*(node.addresses for node in story.lab.nodes), strict=True))
    story.wait_routes({ip_network(four): frozenset(senders[0]), ip_network(six): frozenset(senders[1])})
    story.kubectl("delete", "service", "web")
    story.wait_routes({})
