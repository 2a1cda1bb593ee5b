"""L2 on each kind of interface, on interfaces that go and come back, and on the right one of two."""

import os
from collections.abc import Iterator
from functools import partial
from ipaddress import ip_address, ip_interface

import pytest

from exalb_l2.frames import Address
from exalb_l2.goal import Goal, Wanted, mac_text
from exalb_l2.links import interfaces_of
from tests.lab import network
from tests.lab.network import Namespace, NetworkError
from tests.lab.wait import until
from tests.support.l2 import ip_output
from tests.support.l2.lan_kinds import LanKind
from tests.support.l2.network_lan import NetworkLan
from tests.support.lab_run import lab_run

WEB, WEB6 = ip_address("10.99.0.100"), ip_address("fd00:99::100")
SIDE = ip_address("10.98.0.100")
"""In the subnet of the second LAN."""


MODULES = {LanKind.VLAN, LanKind.BOND}
"""Kinds that many kernels of test machines lack: they are shown before a release."""
KINDS = [pytest.param(kind, id=str(kind), marks=[pytest.mark.release] if kind in MODULES else []) for kind in LanKind]


@pytest.fixture(params=KINDS)
def lan(request: pytest.FixtureRequest) -> Iterator[NetworkLan]:
    """Return a LAN on which two nodes are by interfaces of one kind."""
    kind: LanKind = request.param
    with lab_run(f"k{os.getpid()}") as name:
        try:
            lan = NetworkLan(name, 2, kind)
        except NetworkError as error:
            if "Unknown device type" not in str(error):
                raise
            pytest.skip(f"kernel {os.uname().release} has no interfaces of type {kind}: L2 on them cannot be shown")
        for node in lan.nodes.values():
            node.start()
        yield lan
        lan.end()


def test_address_moves_when_the_interface_goes_and_may_return_when_it_is_back(lan: NetworkLan) -> None:
    first = lan.nodes["n1"]
    lan.goal({WEB: ("n1", "n2"), WEB6: ("n1", "n2")})
    for address in (WEB, WEB6):
        lan.until_held(address, "n1")
        lan.client.run(["ping", "-c1", "-W5", str(address)])
        assert lan.mac(address) == mac_text(first.interface.mac)
    status = first.status(None)
    assert status
    assert [one.name for one in status.interfaces] == [first.interface.name]
    said = (first.namespace.run(["ip", "-oneline", which]).stdout for which in ("link", "address"))
    found = interfaces_of(ip_output.links(next(said)), ip_output.addresses(next(said)))
    assert tuple(interface for _, interface in found.values()) == status.interfaces, "so the unit tests may use it"
    first.disconnect()
    for address in (WEB, WEB6):
        lan.until_held(address, "n2")
        lan.client.run(["ping", "-c1", "-W5", str(address)])
        assert lan.mac(address) == mac_text(lan.nodes["n2"].interface.mac)
    first.reconnect()
    lan.goal({WEB: ("n1", "n2"), WEB6: ("n1", "n2")})
    lan.nodes["n2"].stop()
    for address in (WEB, WEB6):
        lan.until_held(address, "n1")
        until("the client sends to n1", partial(_is_sent_to, lan, address, "n1"))
        lan.client.run(["ping", "-c1", "-W5", str(address)])


def _is_sent_to(lan: NetworkLan, address: Address, node: str) -> bool:
    return lan.mac(address) == mac_text(lan.nodes[node].interface.mac)


@pytest.mark.parametrize("lan", [LanKind.CARD], indirect=True)
def test_of_two_interfaces_the_one_of_the_subnet_answers(lan: NetworkLan) -> None:
    """Nobody answers on the other LAN, unless the L2Advertisement names its interface."""
    switch = network.bridge(Namespace.create(lan.client.lab, "side"))
    host = Namespace.create(lan.client.lab, "sidehost")
    network.attach(switch, host)
    host.address("eth0", ip_interface("10.98.0.200/24"))
    for number, node in enumerate(lan.nodes.values(), 1):
        node.join(switch, "eth1", f"10.98.0.{number}/24")
    lan.goal({SIDE: ("n1", "n2")})
    lan.until_held(SIDE, "n1")
    node = lan.nodes["n1"]
    assert _interfaces(lan) == ("eth1",)
    host.run(["ping", "-c1", "-W5", str(SIDE)])
    assert mac_text(node.more[0].mac) in host.run(["ip", "neighbour", "show", str(SIDE)]).stdout
    lan.client.ip("route add 10.98.0.0/24 dev eth0")
    assert lan.client.run(["ping", "-c1", "-W1", str(SIDE)], check=False).returncode
    assert lan.mac(SIDE) == ""
    _name(lan, "eth0")
    until("it is announced on eth0 alone", lambda: _interfaces(lan) == ("eth0",))
    until("the client finds it", partial(_is_found, lan.client))
    assert lan.mac(SIDE) == mac_text(node.interface.mac)
    host.ip("neighbour flush all")
    assert not _is_found(host)
    _name(lan, "eth0", "eth1")
    until("it is announced on both", lambda: _interfaces(lan) == ("eth0", "eth1"))
    until("the host of the other LAN finds it too", partial(_is_found, host))


def _name(lan: NetworkLan, *interfaces: str) -> None:
    """Let the nodes announce the address on these interfaces, as an L2Advertisement that names them."""
    known = {name: (node.interface, *node.more) for name, node in lan.nodes.items()}
    for name, node in lan.nodes.items():
        assert node.status(Goal(name, {SIDE: Wanted(("n1", "n2"), interfaces)}, known)) is not None


def _is_found(host: Namespace) -> bool:
    return host.run(["ping", "-c1", "-W1", str(SIDE)], check=False).returncode == 0


def _interfaces(lan: NetworkLan) -> tuple[str, ...]:
    status = lan.nodes["n1"].status(None)
    return status.held[SIDE].interfaces if status and SIDE in status.held else ()
