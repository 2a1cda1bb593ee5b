"""A flood of ARP questions for one address of a node: its BGP sessions, routes and other addresses go on."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface

import pytest

from exalb_bgp.rib import Attributes
from exalb_bgp.session import Family
from exalb_l2.frames import Address
from exalb_l2.goal import Goal, Interface, Wanted
from tests.lab.network import Bridge, Namespace, attach
from tests.lab.wait import until
from tests.support.l2 import questions
from tests.support.l2.l2_process import L2Process
from tests.support.note import Note
from tests.support.processes import Process
from tests.support.routers.world import NODE, World, host
from tests.support.tree import ROOT

pytestmark = pytest.mark.release
FLOODED, OTHERS = IPv4Address("10.77.0.60"), tuple(IPv4Address("10.77.0.61") + number for number in range(4))
FLOODER, CLIENT = IPv4Address("10.77.0.240"), IPv4Address("10.77.0.241")
OWN = NODE[Family.IPV4]
RATE, SECONDS = 50_000, 8.0


@pytest.fixture
def l2(world: World) -> Iterator[L2Process]:
    """Return the L2 process of the node, which announces all the addresses."""
    show = ["ip", "-json", "link", "show", "eth0"]
    (link,) = json.loads(world.node.run(show).stdout)
    own = Interface("eth0", bytes.fromhex(link["address"].replace(":", "")), (IPv4Interface(f"{OWN}/24"),))
    process = L2Process(world.node)
    process.start()
    wanted: dict[Address, Wanted] = {address: Wanted(("node",)) for address in (FLOODED, *OTHERS)}
    assert process.status(Goal("node", wanted, {"node": (own,)})) is not None
    until("it announces all", lambda: (said := process.status(None)) and len(said.held) == len(wanted))
    yield process
    process.kill()


def _host(world: World, role: str, address: IPv4Address) -> Namespace:
    namespace = Namespace.create(world.lab, role)
    attach(Bridge(world.fabric, "br0"), namespace)
    namespace.address("eth0", IPv4Interface(f"{address}/24"))
    return namespace


def test_flood_of_questions_harms_nothing_else(world: World, l2: L2Process, note: Note) -> None:
    flooder, client = _host(world, "flooder", FLOODER), _host(world, "client", CLIENT)
    for peer in world.peers.values():
        world.change(peer, {"hold_time": 3}, {})
    world.act()
    world.until_established(*world.peers.values(), seconds=60)
    connections, before = world.connections(), questions.ask(client, CLIENT, 50, 2.0, *OTHERS)
    assert l2.process
    process = Process(l2.process.pid, "l2", "node")
    spent, begun = process.cpu_seconds(), time.monotonic()
    argv = [sys.executable, "-m", "tests.support.l2.flood", "eth0", str(FLOODER), str(RATE), str(SECONDS), str(FLOODED)]
    flood = flooder.popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pings = client.popen(["ping", "-q", "-i0.01", f"-w{SECONDS:g}", str(OWN)], stdout=subprocess.PIPE, text=True)
    during = questions.ask(client, CLIENT, 50, SECONDS / 4, *OTHERS)
    routed = time.monotonic()
    world.announce({host(Family.IPV4, 1): Attributes(next_hop=NODE[Family.IPV4])}, world.peers["frr-ipv4"])
    world.until_announced(world.peers["frr-ipv4"])
    routed = time.monotonic() - routed
    said, pinged = flood.communicate(timeout=60)[0], pings.communicate(timeout=60)[0]
    share = 100 * (process.cpu_seconds() - spent) / (time.monotonic() - begun)
    note("flood", f"{int(said) / SECONDS:.0f} questions a second, {share:.1f} % of a core, a route in {routed:.3f} s")
    note("questions for other addresses", f"{before} before, {during} meanwhile")
    note("pings to the node", pinged)
    assert world.connections() == connections, "a session ended, with a hold time of 3 s"
    assert during.answered > 0.9 * during.asked
    assert " 0% packet loss" in pinged
    assert share < 100
