"""The demo that a newcomer sees, as a story."""

from ipaddress import ip_address, ip_network

from tests.lab import demo
from tests.lab.cluster import Lab
from tests.stories.story import Story


def test_the_demo_word_for_word(lab: Lab) -> None:
    """Two deployments exposed, asked from outside and deleted; the pool is for namespace `default` alone."""
    pool = {**demo.POOL, "spec": {**demo.POOL["spec"], "serviceAllocation": {"namespaces": ["default"]}}}
    try:
        demo.run(lab, pool)
    finally:
        for kind in ("service", "deployment"):
            lab.kubectl("delete", kind, *demo.SERVICES, "--ignore-not-found")
        lab.delete(pool)


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
