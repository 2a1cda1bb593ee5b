"""The demo that a newcomer sees, as a story."""

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


def test_the_demo_word_for_word(lab: Lab) -> None:
    """Two deployments exposed, asked from outside and deleted; the pool is for namespace `default` alone.

    Neither what an interrupted demo left nor a Service of a person's own, with an address of the pool, is in its way.
    """
    pool = {**demo.POOL, "spec": {**demo.POOL["spec"], "serviceAllocation": {"namespaces": ["default"]}}}
    left = next(iter(demo.SERVICES))
    try:
        lab.kubectl("create", "deployment", left, f"--image={demo.SERVICES[left]}")
        lab.kubectl("expose", "deployment", left, "--type=LoadBalancer", "--port=80")
        lab.apply([pool, OWN])
        before = wait.until("a Service of a person's own has an address", lambda: address(lab))
        demo.run(lab, pool)
        assert address(lab) == before
    finally:
        for kind in ("service", "deployment"):
            lab.kubectl("delete", kind, *demo.SERVICES, "--ignore-not-found")
        lab.delete([pool, OWN])


def address(lab: Lab) -> str:
    """Return the address that the Service of a person's own has, or nothing."""
    return lab.kubectl("get", "service", OWN["metadata"]["name"], f"--output=jsonpath={demo.FIRST_ADDRESS}")


def test_a_dual_stack_service_has_a_route_of_each_family_from_every_node(story: Story) -> None:
    """Both addresses come from the story's pool, and each goes over the session of its family."""
    story.deploy("web")
    story.lab.apply(story.service("web", ipFamilyPolicy="RequireDualStack"))
    four, six = sorted(map(ip_address, story.wait_addresses("web", 2)), key=lambda address: address.version)
    assert four in story.pool4
    assert six in story.pool6
    senders = list(zip(*(node.addresses for node in story.lab.nodes), strict=True))
    story.wait_routes({ip_network(four): frozenset(senders[0]), ip_network(six): frozenset(senders[1])})
    story.kubectl("delete", "service", "web")
    story.wait_routes({})
