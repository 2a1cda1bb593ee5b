"""The goal and the status of the L2 process as values, and as the JSON lines of its socket. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from typing import Any

from exalb_l2.frames import Address

WATCHED = 3
"""So many candidates of an address watch each other."""


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface of a node on a LAN, with the addresses that the node has there."""

    name: str
    mac: bytes
    addresses: tuple[IPv4Interface | IPv6Interface, ...]

    def reaches(self, address: Address) -> bool:
        """Return whether hosts on this LAN ask for `address` there."""
        return any(address in own.network for own in self.addresses)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An address that this node may announce, as others may."""

    candidates: tuple[str, ...]
    """The nodes that may announce it, this one among them; the first is the best."""
    interfaces: tuple[str, ...] = ()
    """The interfaces on which it is announced; empty for the one whose subnet has the address."""
    declined: bool = False
    """Whether this node may not, for a reason that other nodes do not know."""

    def places(self, address: Address, interfaces: Iterable[Interface]) -> tuple[Interface, ...]:
        """Return the interfaces of a node on which `address` is announced; of two in one subnet the first by name."""
        ordered = sorted(interfaces, key=lambda interface: interface.name)
        if self.interfaces:
            return tuple(interface for interface in ordered if interface.name in self.interfaces)
        return tuple(interface for interface in ordered if interface.reaches(address))[:1]


@dataclass(frozen=True, slots=True)
class Goal:
    """All that the speaker wants of the L2 process."""

    node: str = ""
    """The name of this node."""
    addresses: Mapping[Address, Wanted] = field(default_factory=dict)
    nodes: Mapping[str, tuple[Interface, ...]] = field(default_factory=dict)
    """The interfaces of all candidates."""


@dataclass(frozen=True, slots=True)
class Held:
    """An address that this node announces."""

    interfaces: tuple[str, ...]
    since: float
    """In seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an address is not announced, or what is wrong with it while it is."""

    mac: str
    """The MAC address that answers for it, too."""
    node: str = ""
    """The node with that MAC address; empty where no node has it."""


@dataclass(frozen=True, slots=True)
class Sysctls:
    """Settings of the kernel for an interface: of each the larger one of `all` and the interface."""

    arp_ignore: int = 0
    """0: the kernel answers on this interface for the addresses of all interfaces."""
    rp_filter: int = 0
    """1: packets are dropped whose sender is reached by another interface."""


@dataclass(frozen=True, slots=True)
class L2Status:
    """The status of the L2 process."""

    connected: bool = False
    """Whether the process answers."""
    interfaces: tuple[Interface, ...] = ()
    """The interfaces on which addresses can be announced."""
    held: Mapping[Address, Held] = field(default_factory=dict)
    problems: Mapping[Address, Problem] = field(default_factory=dict)
    answered: int = 0
    """How many questions it answered since it began."""
    sysctls: Mapping[str, Sysctls] = field(default_factory=dict)
    """By interface."""
    local: Mapping[Address, str] = field(default_factory=dict)
    """The wanted addresses that this node has on an interface, such as one of IPVS: its kernel answers, too."""


def mac_text(mac: bytes) -> str:
    """Write a MAC address as people do."""
    return mac.hex(":")


def goal_line(goal: Goal) -> str:
    """Write a goal as one line."""
    addresses = {
        str(address): [list(wanted.candidates), list(wanted.interfaces), wanted.declined]
        for address, wanted in goal.addresses.items()
    }
    nodes = {name: [_plain(interface) for interface in interfaces] for name, interfaces in goal.nodes.items()}
    return json.dumps({"node": goal.node, "addresses": addresses, "nodes": nodes}) + "\n"


def goal_of(line: str) -> Goal:
    """Read a goal; raises ValueError."""
    try:
        raw = json.loads(line)
        return Goal(
            str(raw["node"]),
            {
                ip_address(address): Wanted(tuple(candidates), tuple(interfaces), bool(declined))
                for address, (candidates, interfaces, declined) in raw["addresses"].items()
            },
            {name: tuple(map(_interface, interfaces)) for name, interfaces in raw["nodes"].items()},
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"malformed goal: {error}") from error


def status_line(status: L2Status) -> str:
    """Write a status as one line."""
    held = {str(address): [list(held.interfaces), held.since] for address, held in status.held.items()}
    problems = {str(address): [problem.mac, problem.node] for address, problem in status.problems.items()}
    whole = {
        "interfaces": [_plain(interface) for interface in status.interfaces],
        "held": held,
        "problems": problems,
        "answered": status.answered,
        "sysctls": {name: [found.arp_ignore, found.rp_filter] for name, found in status.sysctls.items()},
        "local": {str(address): name for address, name in status.local.items()},
    }
    return json.dumps(whole) + "\n"


def status_of(line: str) -> L2Status:
    """Read a status; raises ValueError."""
    try:
        raw = json.loads(line)
        return L2Status(
            True,
            tuple(map(_interface, raw["interfaces"])),
            {ip_address(address): Held(tuple(names), float(since)) for address, (names, since) in raw["held"].items()},
            {ip_address(address): Problem(mac, node) for address, (mac, node) in raw["problems"].items()},
            int(raw["answered"]),
            {name: Sysctls(*map(int, values)) for name, values in raw["sysctls"].items()},
            {ip_address(address): str(name) for address, name in raw["local"].items()},
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"malformed status: {error}") from error


def _plain(interface: Interface) -> dict[str, object]:
    return {
        "name": interface.name,
        "mac": mac_text(interface.mac),
        "addresses": [str(address) for address in interface.addresses],
    }


def _interface(raw: Mapping[str, Any]) -> Interface:
    mac = bytes.fromhex(str(raw["mac"]).replace(":", ""))
    return Interface(str(raw["name"]), mac, tuple(map(ip_interface, raw["addresses"])))
