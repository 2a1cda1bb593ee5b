"""With externalTrafficPolicy Local, a node announces an address once its kube-proxy delivers to the node's new pod.

kube-proxy writes its rules at most once a second. An EndpointSlice reaches the speaker in milliseconds.
"""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, ip_network

from exalb_bgp.rib import Prefix
from tests.lab.api import Client, Json
from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT, asking, deployment, pods_on, rolled_out, wait_rules, wait_weights
from tests.support import objects
from tests.support.kernel import KernelRoutes
from tests.support.note import Note

RATE = 200.0
ROUNDS = 3
BUSY = 0.1
"""Seconds between two changes of other endpoints."""


@contextmanager
def _busy(story: Story) -> Iterator[None]:
    """Change the endpoints of another Service all the time, so that kube-proxy always has a sync to wait for."""
    ended = threading.Event()

    def change() -> None:
        api = Client.of(story.lab.layout)
        path = f"/apis/discovery.k8s.io/v1/namespaces/{story.name}/endpointslices/other-ipv4"
        for number in itertools.count():
            changed = {"endpoints": [objects.endpoint(f"10.250.0.{number % 250 + 1}", None)]}
            api.request("PATCH", path, changed, "application/merge-patch+json")
            if ended.wait(BUSY):
                break
        api.close()

    other = f"{story.name}/other"
    endpoints = objects.endpoints(other, objects.endpoint("10.250.0.1", None))
    story.lab.apply([objects.service(other, type="ClusterIP", ports=[{"port": 80}]), endpoints])
    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _scale(story: Story, node: str, replicas: int) -> None:
    story.kubectl("scale", f"deployment/web-{node}", f"--replicas={replicas}")


def test_new_pod_takes_traffic_once_kube_proxy_knows_it(story: Story, note: Note) -> None:
    """The only pod of a node ends and comes back, while the endpoints of another Service change all the time."""
    first, second = story.lab.nodes[0], story.lab.nodes[1]
    for node in (first, second):
        graceful = {"lifecycle": {"preStop": {"sleep": {"seconds": 3}}}}
        story.lab.apply(deployment(story, f"web-{node.name}", 1, "web", nodeName=node.name, container=graceful))
        rolled_out(story, f"web-{node.name}")
    story.lab.apply(story.service("web", externalTrafficPolicy="Local"))
    [text] = story.wait_addresses("web", seconds=TIMEOUT)
    address, prefix = IPv4Address(text), ip_network(text)
    hops = {str(node.addresses[0]): 1 for node in (first, second)}
    wait_weights(story, prefix, hops)
    wait_rules(story, address)
    before = _first_packets_repeated(story)
    with _busy(story), KernelRoutes(story.network) as kernel, asking(story, address, RATE) as answers:
        for _ in range(ROUNDS):
            _scale(story, first.name, 0)
            story.wait("the pod is gone", lambda: len(_pods(story)) == 1, TIMEOUT)
            _scale(story, first.name, 1)
            wait_weights(story, prefix, hops)
    repeated = _first_packets_repeated(story) - before
    note("first packets that were sent again", repeated)
    answers.note(note, "requests while a node's only pod ends and comes back")
    moves = _moves(kernel, prefix)
    assert len(moves) >= 2 * ROUNDS
    assert answers.lost(moves) == [], moves
    assert repeated == 0, moves


def test_change_of_the_policy_moves_nothing(story: Story) -> None:
    """Cluster and Local again, with pods on both nodes: the route stays."""
    for node in story.lab.nodes:
        pods_on(story, node.name, 1)
    story.lab.apply(story.service("web", externalTrafficPolicy="Local"))
    [text] = story.wait_addresses("web", seconds=TIMEOUT)
    prefix, hops = ip_network(text), {str(node.addresses[0]): 1 for node in story.lab.nodes}
    wait_weights(story, prefix, hops)
    with KernelRoutes(story.network) as kernel:
        for number, policy in enumerate(("Cluster", "Local")):
            story.lab.apply(story.service("web", externalTrafficPolicy=policy))
            later = f"later-{number}"
            story.lab.apply(objects.service(f"{story.name}/{later}", selector={"app": "web"}, ports=[{"port": 80}]))
            [last] = story.wait_addresses(later, seconds=TIMEOUT)
            wait_weights(story, ip_network(last), hops)
    assert _moves(kernel, prefix) == []


def _first_packets_repeated(story: Story) -> int:
    """Count the SYNs of the story's router that were sent again, after a second without an answer (RFC 6298 §2)."""
    names, values = (
        line.split()
        for line in story.network.run(["cat", "/proc/net/netstat"]).stdout.splitlines()
        if line.startswith("TcpExt:")
    )
    return int(dict(zip(names, values, strict=True))["TCPSynRetrans"])


def _pods(story: Story) -> list[Json]:
    return story.lab.api.items(f"/api/v1/namespaces/{story.name}/pods")


def _moves(kernel: KernelRoutes, prefix: Prefix) -> list[float]:
    return [change.time for change in kernel.changes if change.prefix == prefix]
