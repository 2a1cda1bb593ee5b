"""On which interfaces a node answers, by the output of ip(8) for machines with VLANs, bonds and bridges.

tests/router/test_l2_interfaces.py shows the same on interfaces of the kernel, as far as it has their kinds.
"""

from typing import NamedTuple

import pytest

from exalb_l2.goal import mac_text
from exalb_l2.links import interfaces_of
from tests.support.l2 import ip_output

CARD = "mtu 1500 qdisc mq {}state UP mode DEFAULT group default qlen 1000\\    link/ether {} brd ff:ff:ff:ff:ff:ff"


class Machine(NamedTuple):
    """The output of `ip -oneline link` and `ip -oneline address`, and the interfaces that are used."""

    links: str
    addresses: str
    used: dict[str, str]
    """The MAC address of each."""


def link(index: int, name: str, last: int, flags: str = "UP,LOWER_UP", master: str = "") -> str:
    """Write a line of Ethernet whose MAC address ends with `last`."""
    kind = CARD.format(f"master {master} " if master else "", f"02:00:00:00:00:{last:02x}")
    return f"{index}: {name}: <BROADCAST,MULTICAST,{flags}> {kind}\n"


def inet(index: int, name: str, address: str, more: str = "") -> str:
    """Write a line of an address."""
    family = "inet6" if ":" in address else "inet"
    return (
        f"{index}: {name}    {family} {address} scope global {more} \\       valid_lft forever preferred_lft forever\n"
    )


def uses(**last: int) -> dict[str, str]:
    """Return the interfaces that are used, `_` for a dot in the name."""
    return {name.replace("_", "."): f"02:00:00:00:00:{number:02x}" for name, number in last.items()}


LO = "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN\\    link/loopback 00:00:00:00:00:00 brd 0\n"
SLAVES = link(2, "eth0", 1, "SLAVE,UP,LOWER_UP", "bond0") + link(3, "eth1", 1, "SLAVE,UP,LOWER_UP", "bond0")
BOND = LO + SLAVES + link(4, "bond0", 1, "MASTER,UP,LOWER_UP")
ON_SLAVES = inet(2, "eth0", "10.0.0.2/24") + inet(3, "eth1", "10.0.0.3/24")
"""Left from before they were put into the bond, or added by mistake."""
PORTS = link(2, "eth0", 1, master="br0") + link(3, "veth1@if2", 9, master="br0")
BRIDGE = LO + PORTS + link(4, "br0", 1)
TUNNEL = "2: wg0: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1420 qdisc noqueue state UNKNOWN group default\\    link/none \n"
INFINIBAND = TUNNEL.replace("wg0", "ib0").replace("POINTOPOINT,NOARP", "BROADCAST").replace("none", "infiniband")
MACHINES = {
    "bond": Machine(BOND, inet(4, "bond0", "10.0.0.1/24"), uses(bond0=1)),
    "bond whose slaves have addresses": Machine(BOND, inet(4, "bond0", "10.0.0.1/24") + ON_SLAVES, uses(bond0=1)),
    "bond without an address": Machine(BOND, ON_SLAVES, {}),
    "bond without a slave that has a cable": Machine(
        LO + SLAVES.replace(",LOWER_UP", "") + link(4, "bond0", 1, "NO-CARRIER,MASTER,UP"),
        inet(4, "bond0", "10.0.0.1/24") + ON_SLAVES,
        {},
    ),
    "bond that took the MAC address of its other slave": Machine(
        BOND.replace("00:00:01", "00:00:02"), inet(4, "bond0", "10.0.0.1/24"), uses(bond0=2)
    ),
    "VLAN on a bond": Machine(
        BOND + link(5, "bond0.5@bond0", 1), inet(5, "bond0.5", "10.5.0.1/24") + ON_SLAVES, uses(bond0_5=1)
    ),
    "VLAN on a bond, and the bond": Machine(
        BOND + link(5, "bond0.5@bond0", 1),
        inet(4, "bond0", "10.0.0.1/24") + inet(5, "bond0.5", "10.5.0.1/24") + inet(5, "bond0.5", "fd00:5::1/64"),
        uses(bond0=1, bond0_5=1),
    ),
    "VLAN whose bond is off": Machine(
        BOND + link(5, "bond0.5@bond0", 1, "NO-CARRIER,UP,M-DOWN"), inet(5, "bond0.5", "10.5.0.1/24"), {}
    ),
    "VLAN on a card": Machine(
        LO + link(2, "eth0", 1) + link(3, "eth0.5@eth0", 1), inet(3, "eth0.5", "10.5.0.1/24"), uses(eth0_5=1)
    ),
    "bridge": Machine(BRIDGE, inet(4, "br0", "10.0.0.1/24"), uses(br0=1)),
    "bridge whose port has an address": Machine(
        BRIDGE, inet(4, "br0", "10.0.0.1/24") + inet(2, "eth0", "10.0.0.2/24"), uses(br0=1)
    ),
    "VLAN on a bridge": Machine(
        BRIDGE + link(5, "br0.5@br0", 1),
        inet(2, "eth0", "10.0.0.2/24") + inet(5, "br0.5", "10.5.0.1/24"),
        uses(br0_5=1),
    ),
    "VLAN as a port of a bridge": Machine(
        LO + link(2, "eth0", 1) + link(3, "eth0.5@eth0", 1, master="br5") + link(4, "br5", 1),
        inet(2, "eth0", "10.0.0.1/24") + inet(3, "eth0.5", "10.5.0.2/24") + inet(4, "br5", "10.5.0.1/24"),
        uses(eth0=1, br5=1),
    ),
    "bond as a port of a bridge": Machine(
        LO + SLAVES + link(4, "bond0", 1, "MASTER,UP,LOWER_UP", "br0") + link(5, "br0", 1),
        inet(4, "bond0", "10.0.0.2/24") + inet(5, "br0", "10.0.0.1/24") + ON_SLAVES,
        uses(br0=1),
    ),
    "card of a VRF": Machine(
        LO + link(2, "eth0", 1, master="red") + link(3, "red", 8, "MASTER,NOARP,UP,LOWER_UP"),
        inet(2, "eth0", "10.0.0.1/24") + inet(3, "red", "10.9.0.1/24"),
        {},
    ),
    "macvlan": Machine(LO + link(2, "eth0", 1) + link(3, "m@eth0", 5), inet(3, "m", "10.0.0.1/24"), uses(m=5)),
    "interfaces that are no LAN": Machine(
        LO + TUNNEL + INFINIBAND.replace("2: ", "3: "),
        inet(1, "lo", "10.1.0.1/24") + inet(2, "wg0", "10.2.0.1/24") + inet(3, "ib0", "10.3.0.1/24"),
        {},
    ),
    "card that is off": Machine(LO + link(2, "eth0", 1, "NO-CARRIER"), inet(2, "eth0", "10.0.0.1/24"), {}),
    "address without a subnet": Machine(LO + link(2, "eth0", 1), inet(2, "eth0", "10.0.0.1/32"), {}),
    "link-local address": Machine(LO + link(2, "eth0", 1), inet(2, "eth0", "fe80::1/64"), {}),
    "address that is not usable yet": Machine(
        LO + link(2, "eth0", 1),
        inet(2, "eth0", "fd00::1/64", "tentative") + inet(2, "eth0", "fd00::2/64"),
        uses(eth0=1),
    ),
}


@pytest.mark.parametrize("machine", MACHINES.values(), ids=list(MACHINES))
def test_interfaces_that_are_used(machine: Machine) -> None:
    found = interfaces_of(ip_output.links(machine.links), ip_output.addresses(machine.addresses))
    assert {name: mac_text(interface.mac) for name, (_, interface) in found.items()} == machine.used


def test_interface_has_its_index_and_its_usable_addresses() -> None:
    links = ip_output.links(MACHINES["VLAN on a bond, and the bond"].links)
    addresses = MACHINES["VLAN on a bond, and the bond"].addresses + inet(5, "bond0.5", "fd00:5::2/64", "tentative")
    index, interface = interfaces_of(links, ip_output.addresses(addresses))["bond0.5"]
    assert (index, list(map(str, interface.addresses))) == (5, ["10.5.0.1/24", "fd00:5::1/64"])
