"""Each mode of kube-proxy, by BGP and on the LAN: Services of both traffic policies, and an ingress behind them."""

import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.lab import exalb, fabric, layout, wait
from tests.lab.cluster import Lab
from tests.lab.fixtures import require
from tests.lab.images import ECHO_IP
from tests.lab.layout import ProxyMode
from tests.lab.network import Namespace
from tests.lab.packages import INGRESS, PROXIES
from tests.stories import nginx, skipper
from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT, deployment, rolled_out
from tests.support import objects

pytestmark = [pytest.mark.release, pytest.mark.timeout(900)]
REQUESTS = 10
VALUES: dict[str, Any] = {"speaker": {"l2": {"enabled": True}}}
_ASK = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SocketKind[sys.argv[3]]) as client:
    client.settimeout(2)
    client.connect((sys.argv[1], int(sys.argv[2])))
    client.send(b"?")
    print(client.recv(64).decode())
"""


@dataclass(frozen=True, slots=True)
class Way:
    """A client, and the pool whose addresses reach it."""

    story: Story
    client: Namespace
    own: str
    """The client's address."""
    pool: str

    def expose(self, name: str, **spec: Any) -> str:
        """Create a Service with an address of the pool; return the address."""
        wants = objects.wants(pool=self.pool, **spec.pop("asks", {}))
        self.story.lab.apply(self.story.service(name, annotations=wants, **spec))
        return self.story.wait_addresses(name, seconds=TIMEOUT)[0]

    def get(self, address: str, path: str = "/", host: str = "") -> list[str]:
        """Return the lines of the answer to a request, head and body; none where it failed."""
        named = ["--header", f"Host: {host or address}"]
        asked = ["curl", "--silent", "--include", "--max-time", "2", *named, f"http://{address}{path}"]
        return self.client.run(asked, check=False).stdout.splitlines() or [""]

    def stream(self, address: str, kind: socket.SocketKind) -> str:
        """Return the answer of the ingress to a client of TCP or UDP."""
        asked = [sys.executable, "-c", _ASK, address, str(nginx.STREAM), kind.name]
        return self.client.run(asked, check=False).stdout.strip()


def _why_not(mode: ProxyMode) -> str:
    """Return why this machine cannot run kube-proxy in a mode; empty where it can."""
    if mode is ProxyMode.IPVS and not Path("/proc/net/ip_vs").exists():
        return (
            f"kernel {os.uname().release} has no IPVS (there is no /proc/net/ip_vs): kube-proxy cannot run in this mode"
        )
    return ""


@pytest.fixture(scope="module", params=[mode for mode in ProxyMode if mode is not ProxyMode.NONE], ids=str)
def proxied(request: pytest.FixtureRequest) -> Iterator[Story]:
    """Return a story in a lab of its own, whose kube-proxy runs in one mode, with ExaLB and L2."""
    mode: ProxyMode = request.param
    if why := _why_not(mode):
        pytest.skip(why)
    require(PROXIES)
    require(INGRESS)
    lab = Lab(f"y{os.getpid():x}{list(ProxyMode).index(mode)}")
    lab.up(2, proxy=mode)
    try:
        exalb.install(lab, VALUES)
        yield Story.begin(lab)
    finally:
        lab.down()


@pytest.fixture(scope="module", params=["BGP", "L2"])
def way(request: pytest.FixtureRequest, proxied: Story) -> Iterator[Way]:
    """Return each way to the addresses of Services, there: by the story's router, and on the LAN."""
    story = proxied
    if request.param == "BGP":
        story.lab.apply(objects.advertisement(story.name, ipAddressPools=[story.name]))
        yield Way(story, story.network, str(story.gateway), story.name)
        return
    client = Namespace.create(story.lab.name, "lan")
    fabric.join(fabric.switch_of(story.lab.layout), client, layout.CLIENT)
    pool = objects.pool("lan", f"{layout.FIRST_ON_LAN}-10.77.0.79", autoAssign=False)
    story.lab.apply([pool, objects.l2_advertisement("lan", ipAddressPools=["lan"])])
    yield Way(story, client, str(layout.on_fabric(layout.CLIENT)[0].ip), "lan")
    client.delete()


@pytest.mark.parametrize("policy", ["Cluster", "Local"])
def test_service_answers_and_local_keeps_the_address_of_the_client(way: Way, policy: str) -> None:
    story, app = way.story, f"web-{way.pool}-{policy}".lower()
    for node in story.lab.nodes:
        name = f"{app}-{node.name}"
        story.lab.apply(deployment(story, name, 1, app, nodeName=node.name, container={"image": ECHO_IP}))
    for node in story.lab.nodes:
        rolled_out(story, f"{app}-{node.name}")
    address = way.expose(app, externalTrafficPolicy=policy)
    wait.until(f"{address} answers", partial(_is_answered, way, address), seconds=TIMEOUT)
    answers = [way.get(address)[-1].strip() for _ in range(REQUESTS)]
    nodes = {str(node.addresses[0]) for node in story.lab.nodes} | {f"10.88.{n}.1" for n in (1, 2)}
    assert set(answers) <= ({way.own} if policy == "Local" else {way.own, *nodes}), answers
    story.kubectl("delete", "service", app)
    story.kubectl("delete", "deployment", "--all", "--wait=false")


def _is_answered(way: Way, address: str) -> bool:
    return way.get(address)[0].startswith("HTTP/1.1 200")


@pytest.mark.parametrize("ingress", [nginx, skipper], ids=["nginx", "skipper"])
def test_ingress_behind_a_shared_address(way: Way, ingress: ModuleType) -> None:
    """Host and path lead to their Services; TCP and UDP share the address; the ingress sees the client's address."""
    story = way.story
    ingress.install(story)
    both = {"externalTrafficPolicy": "Local", "selector": {"app": ingress.NAME}, "asks": {"sharing_key": "edge"}}
    tcp = [{"name": "http", "port": ingress.HTTP}, {"name": "stream", "port": ingress.STREAM}]
    udp = [{"name": "stream", "port": ingress.STREAM, "protocol": "UDP"}]
    address = way.expose("edge", ports=tcp, **both)
    assert way.expose("edge-udp", ports=udp, **both) == address
    wait.until("the ingress answers", lambda: "404" in way.get(address)[0], seconds=TIMEOUT)
    shop = wait.until("shop answers", lambda: _answer(way, address, "shop.example", "/"), seconds=TIMEOUT)
    assert shop[-1].startswith("shop-")
    assert f"Client: {way.own}" in shop
    assert _answer(way, address, "shop.example", "/api/v1")[-1].startswith("api-")
    assert _answer(way, address, "blog.example", "/")[-1].startswith("api-")
    assert "404" in way.get(address, host="other.example")[0]
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        seen = wait.until(f"{kind} answers", partial(way.stream, address, kind), seconds=TIMEOUT)
        assert seen == way.own
    story.kubectl("delete", "service,deployment,configmap,ingress", "--all", "--wait=false")


def _answer(way: Way, address: str, host: str, path: str) -> list[str]:
    """Return the answer where it is good."""
    lines = way.get(address, path, host)
    return lines if lines[0].startswith("HTTP/1.1 200") else []


@pytest.mark.parametrize("way", ["L2"], indirect=True)
def test_kernel_that_answers_arp_is_in_the_report(way: Way) -> None:
    """As with kube-proxy in mode IPVS without strict ARP: a node has the address on an interface of its own."""
    story, node = way.story, way.story.lab.nodes[0]
    story.deploy("arp")
    address = way.expose("arp")
    story.wait("the condition is True", partial(_is_effective, story, node.name, "NoWarnings"), TIMEOUT)
    node.run(["ip", "address", "add", f"{address}/32", "dev", "lo"])
    story.wait("the condition is False", partial(_is_effective, story, node.name, "ArpNotStrict"), TIMEOUT)
    node.run(["ip", "address", "delete", f"{address}/32", "dev", "lo"])
    story.wait("the condition is True again", partial(_is_effective, story, node.name, "NoWarnings"), TIMEOUT)


def _is_effective(story: Story, node: str, reason: str) -> bool:
    """Return whether the condition L2Effective of a BGPSpeaker has this reason."""
    status = story.lab.api.get(f"/apis/exalb.io/v1beta1/bgpspeakers/{node}")["status"]
    found = [one["reason"] for one in status["conditions"] if one["type"] == "L2Effective"]
    assert found == [reason], found
    return True
