"""Pods that end: routers are told to look elsewhere while the last ones still serve, and no request is lost."""

from ipaddress import IPv4Address, ip_address, ip_network

import pytest

from exalb_bgp.rib import GRACEFUL_SHUTDOWN, Address
from tests.lab.api import Json
from tests.stories.story import Story
from tests.stories.traffic import Note, asking, deployment, wait_rules

RATE = 200.0
GRACE: Json = {"lifecycle": {"preStop": {"sleep": {"seconds": 5}}}}
"""A pod that is told to end goes on serving for a while."""


def _served(story: Story, web: Json) -> IPv4Address:
    """Run a deployment behind a Service with policy Local; return its address once some node announces it."""
    story.lab.apply(web)
    story.kubectl("rollout", "status", "deployment", "web", "--timeout=90s")
    story.lab.apply(story.service("web", externalTrafficPolicy="Local"))
    [text] = story.wait_addresses("web")
    story.wait("a node announces it", lambda: ip_network(text) in story.routes())
    story.wait("the router forwards to it", lambda: ip_network(text) in story.router.kernel_routes())
    wait_rules(story, IPv4Address(text))
    return IPv4Address(text)


@pytest.mark.parametrize(
    ("replicas", "container"),
    [
        pytest.param(4, GRACE, id="graceful"),
        pytest.param(1, GRACE, id="graceful-and-alone"),
        pytest.param(4, {}, id="naive"),
    ],
)
def test_a_rollout_under_policy_local_loses_no_request(
    story: Story, replicas: int, container: Json, record_property: Note
) -> None:
    """200 requests a second through a whole rollout; pods that end at once are measured beside those that wait."""
    address = _served(story, deployment(story, "web", replicas, "web", container=container))
    before = _pods(story)
    with asking(story, address, RATE) as answers:
        story.kubectl("rollout", "restart", "deployment", "web")
        story.kubectl("rollout", "status", "deployment", "web", "--timeout=120s")
        story.wait("the old pods are gone", lambda: not before & _pods(story), seconds=60)
    record_property("requests", answers.total + len(answers.failures))
    record_property("failed", len(answers.failures))
    assert answers.total > 5 * RATE
    assert set(answers.by_pod) & before
    assert set(answers.by_pod) - before
    if container is GRACE:
        assert answers.failures == []


def _pods(story: Story) -> set[str]:
    return {pod["metadata"]["name"] for pod in story.lab.api.items(f"/api/v1/namespaces/{story.name}/pods")}


def test_only_terminating_pods_left_is_told_as_graceful_shutdown(story: Story, record_property: Note) -> None:
    """The last pod serves on for a while: its route carries 65535:0 meanwhile, and then it is withdrawn."""
    address = _served(story, deployment(story, "web", 1, "web", container=GRACE))
    [pod] = story.lab.api.items(f"/api/v1/namespaces/{story.name}/pods")
    node = story.lab.node(pod["spec"]["nodeName"]).addresses[0]
    assert _told(story, address) == {node: False}
    with asking(story, address, RATE) as answers:
        story.kubectl("scale", "deployment", "web", "--replicas=0")
        story.wait("its route asks for a graceful shutdown", lambda: _told(story, address) == {node: True}, seconds=5)
    story.wait("its route is withdrawn", lambda: _told(story, address) == {}, seconds=20)
    record_property("requests", answers.total)
    assert answers.failures == []


def _told(story: Story, address: Address) -> dict[Address, bool]:
    """Return who told the router of the address, and whether with GRACEFUL_SHUTDOWN, which FRR honours."""
    routes = [route for route in story.router.routes() if route.prefix == ip_network(address)]
    for route in routes:
        assert (route.local_pref == 0) == (GRACEFUL_SHUTDOWN in route.communities)
    return {ip_address(route.peer): GRACEFUL_SHUTDOWN in route.communities for route in routes}
