"""L2 on a real LAN: clients with neighbour caches of their own, while nodes stop, die and come back."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from exalb.api.reasons import Reason
from exalb.model.local_node import LocalNode
from exalb.report.l2 import l2_conditions
from exalb_l2.election import ANNOUNCE_AFTER
from exalb_l2.frames import Address
from exalb_l2.goal import Sysctls, mac_text
from exalb_l2.peers import DETECT_SECONDS
from tests.lab import packages
from tests.lab.fixtures import require
from tests.lab.wait import until
from tests.support.l2.network_lan import NetworkLan
from tests.support.lab_run import lab_run
from tests.support.note import Note

WEB, WEB6 = ip_address("10.99.0.100"), ip_address("fd00:99::100")
BOTH = {WEB: ("n1", "n2", "n3"), WEB6: ("n1", "n2", "n3")}
SLACK = 2.0
"""A busy machine may take so much longer, in seconds; the figures are in the report of the run."""


@pytest.fixture
def lan() -> Iterator[NetworkLan]:
    """Return a LAN of three nodes, of which the first announces one address of each family."""
    with lab_run(f"l{os.getpid()}") as name:
        lan = NetworkLan(name, 3)
        for node in lan.nodes.values():
            node.start()
        lan.goal(BOTH)
        for address in BOTH:
            lan.until_held(address, "n1")
        yield lan
        lan.end()


@pytest.fixture(params=[WEB, WEB6], ids=["IPv4", "IPv6"])
def address(request: pytest.FixtureRequest) -> Address:
    """Each address in turn."""
    found: Address = request.param
    return found


def test_clean_stop_loses_nothing(lan: NetworkLan, address: Address, note: Note) -> None:
    with lan.pinging(address) as pings:
        lan.nodes["n1"].stop()
        lan.until_held(address, "n2")
    note("clean stop", f"{pings.lost} of {pings.sent} lost, silence {pings.silence:.3f} s")
    assert pings.lost <= 1
    assert lan.mac(address) == mac_text(lan.nodes["n2"].interface.mac)


def test_power_loss_is_a_second(lan: NetworkLan, address: Address, note: Note) -> None:
    with lan.pinging(address) as pings:
        lan.power_off("n1")
        lan.until_held(address, "n2")
        lan.client.run(["ping", "-c1", "-W5", str(address)])  # the other pings have an answer then, too
        count = int(lan.mac(address) == mac_text(lan.nodes["n2"].interface.mac))
    note("power loss", f"{pings.lost} of {pings.sent} lost, silence {pings.silence:.3f} s")
    assert count == 1
    assert 0.3 < pings.silence < 1.0 + SLACK


def test_address_moves_with_the_goal(lan: NetworkLan, address: Address, note: Note) -> None:
    """As with a drain: the node that is no candidate any longer says that it released the address."""
    with lan.pinging(address) as pings:
        begun = time.time()
        lan.goal({WEB: ("n2", "n3"), WEB6: ("n3",)})
        lan.until_held(WEB, "n2")
        lan.until_held(WEB6, "n3")
    assert pings.lost <= 2
    status = lan.nodes["n2" if address == WEB else "n3"].status(None)
    assert status
    moved = status.held[address].since - begun
    note("goal changed", f"moved after {moved:.3f} s")
    assert moved < DETECT_SECONDS


def test_holder_keeps_the_address_through_kills_of_others(lan: NetworkLan, address: Address) -> None:
    with lan.pinging(address) as pings:
        for name in ("n2", "n3"):
            lan.nodes[name].kill()
        for name in ("n2", "n3"):
            lan.nodes[name].start()
        lan.until_held(address, "n1")
    assert pings.lost <= 1


def test_killed_process_of_a_living_node_is_replaced(lan: NetworkLan, address: Address) -> None:
    """The old node forwards until clients know better; it comes back without the address."""
    lan.nodes["n1"].kill()
    lan.until_held(address, "n2")
    lan.nodes["n1"].start()
    lan.until_held(address, "n2")


def test_parted_lan_has_one_holder_again_when_it_is_whole(lan: NetworkLan, address: Address) -> None:
    lan.part("n1")
    lan.until_held(address, "n1", "n2")
    lan.join("n1")
    lan.until_held(address, "n1")


def test_interface_that_goes_moves_the_address(lan: NetworkLan, address: Address) -> None:
    lan.nodes["n1"].namespace.link("eth0", up=False)
    lan.until_held(address, "n2")


@pytest.fixture
def tools() -> None:
    """Have arping and ndisc6."""
    require(packages.NEIGHBORS)


@pytest.mark.usefixtures("tools")
def test_arping_and_ndisc6_find_the_one_node_that_announces(lan: NetworkLan) -> None:
    assert (_found_by_arping(lan, WEB), _found_by_ndisc6(lan, WEB6)) == ({"n1"}, {"n1"})
    lan.nodes["n1"].stop()
    for address in BOTH:
        lan.until_held(address, "n2")
    assert (_found_by_arping(lan, WEB), _found_by_ndisc6(lan, WEB6)) == ({"n2"}, {"n2"})
    assert (_found_by_arping(lan, WEB + 1), _found_by_ndisc6(lan, WEB6 + 1)) == (set(), set())


@pytest.mark.usefixtures("tools")
def test_arping_finds_a_duplicate(lan: NetworkLan) -> None:
    """By its option for hosts that are about to take an address (RFC 5227)."""
    found = {
        address: lan.client.run(["arping", "-D", "-c2", "-Ieth0", str(address)], check=False).returncode
        for address in (WEB, WEB + 1)
    }
    assert found == {WEB: 1, WEB + 1: 0}


def _found_by_arping(lan: NetworkLan, address: Address) -> set[str]:
    """Return the nodes that answer a broadcast question and two to one host, each once."""
    said = lan.client.run(["arping", "-c3", "-w3", "-Ieth0", str(address)], check=False).stdout
    macs = re.findall(rf"Unicast reply from {address} \[([0-9A-F:]+)\]", said)
    assert len(macs) in (0, 3), said
    return _nodes(lan, macs)


def _found_by_ndisc6(lan: NetworkLan, address: Address) -> set[str]:
    """Return the nodes that say within a second that they have the address, asked or not."""
    said = lan.client.run(["ndisc6", "-m", "-r1", str(address), "eth0"], check=False).stdout
    return _nodes(lan, re.findall(r"Target link-layer address: ([0-9A-F:]+)", said))


def _nodes(lan: NetworkLan, macs: list[str]) -> set[str]:
    names = {mac_text(node.interface.mac).upper(): name for name, node in lan.nodes.items()}
    return {names[mac] for mac in macs}


def test_other_addresses_are_not_answered(lan: NetworkLan) -> None:
    """Neither an address that no node has, nor the address before n1 announced it."""
    foreign = ip_address("10.99.0.101")
    assert lan.client.run(["ping", "-c1", "-W1", str(foreign)], check=False).returncode
    assert lan.mac(foreign) == ""
    lan.goal({foreign: ("n3",)})
    lan.until_held(foreign, "n3")
    until("the client finds it", lambda: lan.mac(foreign) or lan.client.run(["ping", "-c1", "-W1", str(foreign)]))
    assert lan.mac(foreign) == mac_text(lan.nodes["n3"].interface.mac)


@pytest.mark.parametrize("taken", [ip_address("10.99.0.150"), ip_address("fd00:99::150")], ids=["IPv4", "IPv6"])
def test_address_of_another_host_is_left_alone(lan: NetworkLan, taken: Address) -> None:
    host = lan.host(lan.client.lab, "host", 201, taken)
    lan.goal({taken: ("n1", "n2")})
    until("n1 reports it", lambda: _problem(lan, "n1", taken))
    assert lan.holders(taken) == []
    host.delete()
    until("a node takes it", lambda: len(lan.holders(taken)) == 1)


def test_host_that_gives_itself_the_address_finds_a_duplicate(lan: NetworkLan) -> None:
    """As its kernel does, which asks from the unspecified address (RFC 4862 §5.4).

    n1 must not announce the address meanwhile: its kernel would find the duplicate without an answer.
    """
    status = lan.nodes["n1"].status(None)
    assert status
    quiet = status.held[WEB6].since + sum(ANNOUNCE_AFTER) + 0.5
    until("n1 announces it no more until the refresh", lambda: time.time() > quiet)
    lan.client.sysctl({"net.ipv6.conf.eth0.accept_dad": 1, "net.ipv6.conf.eth0.dad_transmits": 1})
    lan.client.run(["ip", "address", "add", f"{WEB6}/64", "dev", "eth0"])
    until("its kernel finds a duplicate", lambda: "dadfailed" in lan.client.run(["ip", "-6", "address"]).stdout)
    assert lan.holders(WEB6) == ["n1"]


def _problem(lan: NetworkLan, name: str, address: Address) -> str:
    status = lan.nodes[name].status(None)
    return status.problems[address].mac if status and address in status.problems else ""


def test_address_on_another_interface_and_settings_are_reported(lan: NetworkLan) -> None:
    """The nodes have the addresses on `lo`, as kube-proxy in mode IPVS has them on an interface of its own."""
    node = lan.nodes["n2"]
    status = node.status(None)
    assert status
    assert (status.local, status.sysctls) == (dict.fromkeys((WEB, WEB6), "lo"), {"eth0": Sysctls(1, 0)})
    (condition,) = l2_conditions(status, LocalNode())
    assert condition.reason is Reason.NO_WARNINGS
    node.namespace.sysctl({"net.ipv4.conf.all.arp_ignore": 0, "net.ipv4.conf.eth0.rp_filter": 1})
    status = node.status(None)
    assert status
    assert status.sysctls == {"eth0": Sysctls(0, 1)}
    (condition,) = l2_conditions(status, LocalNode())
    assert condition.reason is Reason.ARP_NOT_STRICT


def test_process_has_no_capability_but_one(lan: NetworkLan) -> None:
    process = lan.nodes["n1"].process
    assert isinstance(process, subprocess.Popen)
    status = Path(f"/proc/{process.pid}/status").read_text()
    (effective,) = (line.split()[1] for line in status.splitlines() if line.startswith("CapEff"))
    assert int(effective, 16) == 1 << 13
