"""A cluster without kube-proxy, as where a network plugin replaces it: nothing answers, and nothing is required."""

import os
from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Address, ip_network

import pytest

from tests.lab import exalb, layout
from tests.lab.cluster import Lab
from tests.lab.layout import ProxyMode
from tests.lab.nodeconfig import API_PORT
from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT, ask, pods_on
from tests.support.note import Note

pytestmark = [pytest.mark.release, pytest.mark.timeout(600)]
REQUESTS = 200
_API = layout.on_fabric(layout.CONTROL_PLANE)[0].ip
_RULES = """
table ip plugin {
  map places { type ipv4_addr . inet_service : ipv4_addr . inet_service; }
  chain received { type nat hook prerouting priority -100; dnat ip to ip daddr . tcp dport map @places; }
  chain sent { type nat hook output priority -100; dnat ip to ip daddr . tcp dport map @places; }
}
"""
"""Rules of a network plugin: it writes for each Service where connections to it lead."""


@pytest.fixture
def story() -> Iterator[Story]:
    """Return a story in a lab of its own without kube-proxy; the API server has its ClusterIP all the same."""
    lab = Lab(f"w{os.getpid():x}")
    lab.up(2, proxy=ProxyMode.NONE)
    try:
        for node in lab.nodes:
            node.run(["nft", _RULES])
        _forward(lab, f"{layout.first(layout.SERVICES4)} . 443", dict.fromkeys(_names(lab), f"{_API} . {API_PORT}"))
        exalb.install(lab)
        yield Story.begin(lab)
    finally:
        lab.down()


def _names(lab: Lab) -> list[str]:
    return [node.name for node in lab.nodes]


def _forward(lab: Lab, where: str, places: dict[str, str]) -> None:
    """Let each node send connections to one address and port to another."""
    for name, place in places.items():
        lab.node(name).run(["nft", "add", "element", "ip", "plugin", "places", f"{{ {where} : {place} }}"])


def test_routes_are_announced_and_outlive_speakers(story: Story, note: Note) -> None:
    """The speakers notice that nothing answers in kube-proxy's place, say so, and remember it."""
    names = _names(story.lab)
    for name in names:
        pods_on(story, name, 1)
    story.lab.apply(story.service("web", externalTrafficPolicy="Local"))
    [text] = story.wait_addresses("web", seconds=TIMEOUT)
    _forward(story.lab, f"{text} . 80", {name: f"{_pod(story, name)} . 80" for name in names})
    routes = {ip_network(text): frozenset(node.addresses[0] for node in story.lab.nodes)}
    story.wait_routes(routes, TIMEOUT)
    for name in names:
        story.wait(f"{name} says so", partial(_says_not_monitored, story, name), TIMEOUT)
    answers = ask(story, IPv4Address(text), REQUESTS)
    answers.note(note, "requests without kube-proxy")
    assert answers.failures == []
    assert answers.total == REQUESTS
    story.lab.kubectl("rollout", "restart", "daemonset/exalb-speaker", f"--namespace={exalb.NAMESPACE}")
    rolled = ("rollout", "status", "daemonset/exalb-speaker", f"--timeout={TIMEOUT:g}s")
    story.lab.kubectl(*rolled, f"--namespace={exalb.NAMESPACE}")
    story.wait_routes(routes, TIMEOUT)
    assert ask(story, IPv4Address(text), REQUESTS).failures == []


def _pod(story: Story, node: str) -> str:
    """Return the address of the web server's pod on a node."""
    [pod] = story.lab.api.items(f"/api/v1/namespaces/{story.name}/pods", labelSelector=f"set=web-{node}")
    return str(pod["status"]["podIP"])


def _says_not_monitored(story: Story, node: str) -> bool:
    status = story.lab.api.get(f"/apis/exalb.io/v1beta1/bgpspeakers/{node}")["status"]
    found = [one["reason"] for one in status["conditions"] if one["type"] == "DataPlaneHealthy"]
    assert found == ["NotMonitored"], found
    return True
