"""Ten minutes without an API server: meanwhile the leading controller dies, and programs, the router and a node.

`EXALB_OUTAGE=60` makes it an hour, as `make outage` does.
"""

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address, ip_network

import pytest

from tests.lab import demo_l2, exalb, fabric, layout, wait
from tests.lab.cluster import Lab
from tests.lab.network import Namespace
from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT, asking_from, pods_on, wait_rules
from tests.support import objects, processes
from tests.support.note import Note

AWAY = 60.0 * int(os.environ.get("EXALB_OUTAGE", "10"))
"""Seconds without an API server: longer than the lease of a controller, and than a silent Node stays Ready."""
pytestmark = [pytest.mark.release, pytest.mark.timeout(int(AWAY) + 1800)]
CUT = 300.0
"""Seconds after which the node that announces on the LAN loses its link, until the API server is back."""
EVERY = 60
"""Seconds from one action to the next after that."""
RATE = 10.0
HOLD = 3
"""Seconds after which the router notices that a node is gone."""
SETTLED = 2.0
"""Seconds after an action in which the last of its failures may end."""


@pytest.fixture
def story() -> Iterator[Story]:
    """Return a story in a lab of its own, with L2."""
    lab = Lab(f"o{os.getpid():x}")
    lab.up(2)
    try:
        exalb.install(lab, demo_l2.VALUES)
        yield Story.begin(lab)
    finally:
        lab.down()


@pytest.fixture
def client(story: Story) -> Namespace:
    """Return a host on the LAN of the nodes."""
    client = Namespace.create(story.lab.name, "lan")
    fabric.join(fabric.switch_of(story.lab.layout), client, layout.CLIENT)
    return client


@dataclass(slots=True)
class Outage:
    """The time without an API server, and the actions in it that cost requests."""

    story: Story
    address: IPv4Address
    """That of the Service behind the router."""
    holder: str
    begun: float = field(default_factory=time.time)
    windows: list[tuple[float, float]] = field(default_factory=list)
    """From when to when requests through the router may fail."""
    cut_at: float = 0.0

    def until(self, seconds: float) -> None:
        """Let the outage last so long."""
        wait.until(f"{seconds:g} s are over", lambda: time.time() - self.begun > seconds, seconds=AWAY, every=1)

    def act(self, action: Callable[[], None], *nodes: str) -> None:
        """Do something after which the router forwards to these nodes."""
        since = time.time()
        action()
        gateways = frozenset(self.story.lab.node(name).addresses[0] for name in nodes)

        def forwards() -> bool:
            found = self.story.router.kernel_routes().get(ip_network(self.address))
            assert found == gateways, found
            return True

        self.story.wait(f"the router forwards to {nodes} after {action}", forwards, TIMEOUT)
        self.windows.append((since - SETTLED, time.time() + SETTLED))

    def kill(self, role: str, *nodes: str) -> None:
        """Kill the processes of a role, and wait until others run in their place."""

        def running() -> set[int]:
            return {each.pid for each in processes.of(self.story.lab) if each.role == role and each.node in nodes}

        before = running()
        assert before
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        self.story.wait(f"another {role} runs", lambda: running() - before, TIMEOUT)

    def restart_router(self) -> None:
        """Start the router with empty tables."""
        self.story.router.start(*self.story.lab.neighbors)

    def cut(self) -> None:
        """Take the link of the node that announces on the LAN, behind the switch."""
        self.cut_at = time.time()
        fabric.switch_of(self.story.lab.layout).namespace.ip(f"link set {self.holder} nomaster")

    def join(self) -> None:
        """Give the link back."""
        switch = fabric.switch_of(self.story.lab.layout)
        switch.namespace.ip(f"link set {self.holder} master {switch.name}")


def test_nothing_is_lost_by_ten_minutes_without_an_api_server(story: Story, client: Namespace, note: Note) -> None:
    """The other node takes the address on the LAN, routes stay, and all goes on once the server is back."""
    story.lab.apply(story.peers(holdTime=HOLD))
    routed, on_lan = _expose(story, "routed", story.name), _expose(story, "web", "lan")
    nodes = {node.name for node in story.lab.nodes}
    outage = Outage(story, routed, holder=_holder(story))
    other, *_ = nodes - {outage.holder}
    outage.act(lambda: None, *nodes)
    control = story.lab.control_plane
    control.stop("kube-apiserver")
    try:
        with asking_from(client, on_lan, RATE) as lan, asking_from(story.network, routed, RATE) as router:
            _live_without(outage, other)
    finally:
        outage.join()
        control.start("kube-apiserver")
        control.wait_ready()
    lan.note(note, f"requests on the LAN while the API server was away for {AWAY:g} s")
    router.note(note, f"requests through the router while the API server was away for {AWAY:g} s")
    assert min(lan.total, router.total) > RATE * AWAY / 2
    assert [one for one in lan.failures if not outage.cut_at - 1 < one.asked < outage.cut_at + TIMEOUT / 10] == []
    assert [one for one in router.failures if not any(a <= one.asked <= b for a, b in outage.windows)] == []
    outage.act(lambda: None, *nodes)
    assert _expose(story, "api", "lan") != on_lan
    outage.address = _expose(story, "later", story.name)
    outage.act(lambda: None, *nodes)
    story.wait("one node announces on the LAN", lambda: _holder(story) != "", TIMEOUT)


def _live_without(outage: Outage, other: str) -> None:
    """Let the outage last; things happen to the node that goes on, so that nothing makes up for its faults."""
    both = (outage.holder, other)
    outage.kill("controller", *both)
    for seconds, action in ((60, partial(outage.kill, "exabgp", other)), (120, outage.restart_router)):
        outage.until(seconds)
        outage.act(action, *both)
    outage.until(CUT)
    outage.act(outage.cut, other)
    churn: Iterator[Callable[[], None]] = itertools.cycle(
        (partial(outage.kill, "exabgp", other), outage.restart_router)
    )
    for seconds in range(int(CUT) + EVERY, int(AWAY) - 2 * EVERY, EVERY):
        outage.until(seconds)
        outage.act(next(churn), other)
    outage.until(AWAY - 2 * EVERY)
    outage.act(partial(outage.kill, "speaker", other), other)  # the last: without objects it cannot announce routes
    outage.until(AWAY - EVERY)
    outage.act(outage.restart_router, other)
    outage.until(AWAY)


def _expose(story: Story, name: str, pool: str) -> IPv4Address:
    """Create a Service with pods on both nodes and an address of a pool: of the LAN, or of the story."""
    lan = objects.pool("lan", f"{layout.FIRST_ON_LAN}-10.77.0.79", autoAssign=False)
    story.lab.apply([lan, objects.l2_advertisement("lan", ipAddressPools=["lan"])])
    story.lab.apply(objects.advertisement(story.name, ipAddressPools=[story.name]))
    for node in story.lab.nodes:
        pods_on(story, node.name, 1, name)
    story.lab.apply(story.service(name, annotations=objects.wants(pool=pool), externalTrafficPolicy="Local"))
    address = IPv4Address(story.wait_addresses(name, seconds=TIMEOUT)[0])
    wait_rules(story, address)
    return address


def _holder(story: Story) -> str:
    """Return the node that reports that it announces an address on the LAN."""

    def found() -> str:
        reports = {
            node.name: story.lab.api.get(f"/apis/exalb.io/v1beta1/bgpspeakers/{node.name}")["status"].get("l2", {})
            for node in story.lab.nodes
        }
        return next((name for name, report in reports.items() if report.get("addresses")), "")

    return wait.until("a node announces it", found, seconds=TIMEOUT)
