"""Pods that end: routers prefer other paths while the last pods still serve, and no request is lost."""

from ipaddress import IPv4Address, ip_address, ip_network

import pytest

from exalb_bgp.rib import GRACEFUL_SHUTDOWN, Address
from tests.lab.api import Json
from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT, asking, deployment, rolled_out, wait_rules
from tests.support.kernel import KernelRoutes
from tests.support.note import Note

RATE = 200.0
CUT = 4
"""Requests that may be open in the moments when the router moves the address."""


def _graceful(seconds: int) -> Json:
    """Return the part of a container that serves for a while after its pod is to end."""
    return {"lifecycle": {"preStop": {"sleep": {"seconds": seconds}}}}


def _served(story: Story, web: Json) -> IPv4Address:
    """Run a deployment behind a Service with policy Local; return its address once the router sends packets there."""
    story.lab.apply(web)
    rolled_out(story, "web")
    story.lab.apply(story.service("web", externalTrafficPolicy="Local"))
    [text] = story.wait_addresses("web", seconds=TIMEOUT)
    story.wait("a node announces it", lambda: ip_network(text) in story.routes(), TIMEOUT)
    story.wait("the router forwards to it", lambda: ip_network(text) in story.router.kernel_routes(), TIMEOUT)
    wait_rules(story, IPv4Address(text))
    return IPv4Address(text)


@pytest.mark.parametrize(
    ("replicas", "grace"),
    [
        pytest.param(2, 5, id="graceful"),
        pytest.param(1, 5, id="graceful-and-alone"),
        pytest.param(2, 0, id="naive", marks=pytest.mark.release),
    ],
)
def test_rollout_under_policy_local_loses_no_request(story: Story, replicas: int, grace: int, note: Note) -> None:
    """200 requests a second through a whole rollout; pods that end at once are measured too."""
    container = _graceful(grace) if grace else {}
    address = _served(story, deployment(story, "web", replicas, "web", container=container))
    before = _pods(story)
    with KernelRoutes(story.network) as kernel, asking(story, address, RATE) as answers:
        story.kubectl("rollout", "restart", "deployment", "web")
        rolled_out(story, "web")
        story.wait("the old pods are gone", lambda: not before & _pods(story), TIMEOUT)
    answers.note(note, "requests through a rollout")
    assert set(answers.by_pod) & before
    assert set(answers.by_pod) - before
    if grace:
        assert answers.total > RATE, "the rollout lasts for seconds, and so do the requests"
        moves = _moves(kernel, address)
        assert answers.lost(moves) == [], moves
        assert len(answers.failures) <= CUT


def _moves(kernel: KernelRoutes, address: Address) -> list[float]:
    return [change.time for change in kernel.changes if change.prefix == ip_network(address)]


def _pods(story: Story) -> set[str]:
    return {pod["metadata"]["name"] for pod in story.lab.api.items(f"/api/v1/namespaces/{story.name}/pods")}


def test_last_terminating_pod_is_announced_with_graceful_shutdown(story: Story, note: Note) -> None:
    """The last pod serves for a while: its route has 65535:0, and is withdrawn at the end."""
    long = {"container": _graceful(60), "terminationGracePeriodSeconds": 90}
    address = _served(story, deployment(story, "web", 1, "web", **long))
    [pod] = story.lab.api.items(f"/api/v1/namespaces/{story.name}/pods")
    node = story.lab.node(pod["spec"]["nodeName"]).addresses[0]
    assert _shutdown_by_node(story, address) == {node: False}
    with asking(story, address, RATE) as answers:
        story.kubectl("scale", "deployment", "web", "--replicas=0")
        shutting = {node: True}
        story.wait("the route has GRACEFUL_SHUTDOWN", lambda: _shutdown_by_node(story, address) == shutting, TIMEOUT)
    answers.note(note, "requests to a pod that terminates")
    assert answers.failures == []
    story.kubectl("delete", "pod", pod["metadata"]["name"], "--force", "--grace-period=0")
    story.wait("the route is withdrawn", lambda: _shutdown_by_node(story, address) == {}, TIMEOUT)


def _shutdown_by_node(story: Story, address: Address) -> dict[Address, bool]:
    """Return the nodes that announce the address, and whether each route has GRACEFUL_SHUTDOWN, which FRR honors."""
    routes = [route for route in story.router.routes() if route.prefix == ip_network(address)]
    for route in routes:
        assert (route.local_pref == 0) == (GRACEFUL_SHUTDOWN in route.communities)
    return {ip_address(route.peer): GRACEFUL_SHUTDOWN in route.communities for route in routes}
