"""A LAN of network namespaces: a switch, nodes that run `exalb l2`, and a client with a neighbour cache of its own."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface, ip_interface

from exalb_l2.frames import Address
from exalb_l2.goal import Goal, Interface, Wanted
from tests.lab import network
from tests.lab.network import Namespace
from tests.lab.wait import until
from tests.support.l2.l2_process import L2Process
from tests.support.l2.lan_kinds import LanKind

_REPLY = re.compile(r"^\[(\d+\.\d+)\] .*bytes from")


@dataclass(slots=True)
class Pings:
    """The replies to a client that asks each 5 ms."""

    at: list[float] = field(default_factory=list)
    """UNIX time of each."""
    sent: int = 0

    @property
    def lost(self) -> int:
        """How many questions had no reply."""
        return self.sent - len(self.at)

    @property
    def silence(self) -> float:
        """The longest time between two replies, in seconds."""
        return max(after - before for before, after in zip(self.at, self.at[1:], strict=False))


class NetworkNode(L2Process):
    """One node of the LAN: its namespace and its L2 process."""

    def __init__(self, lab: str, number: int, switch: network.Bridge, kind: LanKind) -> None:
        self.name, self._number, self._switch, self._kind = f"n{number}", number, switch, kind
        super().__init__(Namespace.create(lab, self.name))
        # Service addresses are on no LAN interface; this stands for kube-proxy, which accepts packets for them.
        self.namespace.sysctl({"net.ipv4.conf.all.arp_ignore": 1})
        network.attach(switch, self.namespace)
        self.interface = self.connect()
        self.more: list[Interface] = []
        """Its interfaces on other LANs."""

    def connect(self) -> Interface:
        """Make its interface on the LAN, on its card."""
        self._kind.build(self.namespace)
        addresses = (ip_interface(f"10.99.0.{self._number}/24"), ip_interface(f"fd00:99::{self._number}/64"))
        self.interface = self.give(self._kind.interface, *addresses)
        return self.interface

    def join(self, switch: network.Bridge, interface: str, address: str) -> None:
        """Put it on another LAN too."""
        network.attach(switch, self.namespace, interface)
        self.more.append(self.give(interface, ip_interface(address)))

    def disconnect(self) -> None:
        """Take away its interface on the LAN."""
        self._kind.remove(self.namespace)

    def reconnect(self) -> None:
        """Undo `disconnect`, by an interface of the same name."""
        if self._kind is LanKind.CARD:
            network.attach(self._switch, self.namespace)
        self.connect()

    def give(self, name: str, *addresses: IPv4Interface | IPv6Interface) -> Interface:
        """Give an interface addresses; return it as the other nodes know it."""
        self.namespace.address(name, *addresses)
        (link,) = json.loads(self.namespace.run(["ip", "-json", "link", "show", name]).stdout)
        return Interface(name, bytes.fromhex(link["address"].replace(":", "")), addresses)


class NetworkLan:
    """All of it."""

    def __init__(self, lab: str, count: int, kind: LanKind = LanKind.CARD) -> None:
        self.switch = network.bridge(Namespace.create(lab, "switch"))
        self.nodes = {f"n{number}": NetworkNode(lab, number, self.switch, kind) for number in range(1, count + 1)}
        self._kind = LanKind.VLAN if kind is LanKind.VLAN else LanKind.CARD
        """Of other hosts: those of a VLAN are in it, and do not notice any other kind."""
        self.client = self.host(lab, "client", 200)

    def host(self, lab: str, role: str, number: int, *more: Address) -> Namespace:
        """Put another host on the LAN, with these addresses too."""
        namespace = Namespace.create(lab, role)
        network.attach(self.switch, namespace)
        self._kind.build(namespace)
        own = (ip_interface(f"10.99.0.{number}/24"), ip_interface(f"fd00:99::{number:x}/64"))
        namespace.address(self._kind.interface, *own, *map(ip_interface, more))
        return namespace

    def end(self) -> None:
        """End the processes that still run."""
        for node in self.nodes.values():
            if node.process and node.process.poll() is None:
                node.kill()

    def goal(self, orders: Mapping[Address, Sequence[str]]) -> None:
        """Give all running nodes a goal, and let their kernels accept packets for these addresses."""
        for name, node in self.nodes.items():
            mine = {address: Wanted(tuple(order)) for address, order in orders.items() if name in order}
            known = {other: self.nodes[other] for wanted in mine.values() for other in wanted.candidates}
            nodes = {other: (its.interface, *its.more) for other, its in known.items()}
            for address in orders:
                node.namespace.run(["ip", "address", "replace", str(ip_interface(address)), "dev", "lo"])
            if node.process and node.process.poll() is None:
                assert node.status(Goal(name, mine, nodes)) is not None

    def holders(self, address: Address) -> list[str]:
        """Return the nodes that say that they announce an address."""
        found = {name: node.status(None) for name, node in self.nodes.items() if node.process}
        return [name for name, status in found.items() if status and address in status.held]

    def until_held(self, address: Address, *names: str) -> None:
        """Wait until these nodes, and no others, announce an address."""
        until(f"{names} announce {address}", lambda: self._is_held(address, names))

    def _is_held(self, address: Address, names: Sequence[str]) -> bool:
        found = self.holders(address)
        assert found == list(names), found
        return True

    def cable(self, name: str, *, plugged: bool) -> None:
        """Pull the cable of a node out of the switch, or plug it in."""
        self.switch.namespace.link(name, up=plugged)

    def part(self, name: str) -> None:
        """Cut a node off while its cable still has a carrier, as where a switch behind it fails."""
        self.switch.namespace.ip(f"link set {name} nomaster")

    def join(self, name: str) -> None:
        """Undo `part`."""
        self.switch.namespace.ip(f"link set {name} master {self.switch.name}")

    def power_off(self, name: str) -> None:
        """Take the power of a node away."""
        self.cable(name, plugged=False)
        self.nodes[name].kill()

    def mac(self, address: Address) -> str:
        """Return the MAC address that the client's neighbour cache has."""
        entries = json.loads(self.client.run(["ip", "-json", "neighbour", "show", str(address)]).stdout)
        return str(entries[0].get("lladdr", "")) if entries else ""

    @contextmanager
    def pinging(self, address: Address) -> Iterator[Pings]:
        """Ping from the client, 200 times a second; the replies are complete when the context ends."""
        pings = Pings()
        argv = ["ping", f"-{address.version}", "-D", "-i", "0.005", str(address)]
        process = self.client.popen(argv, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        lines = [process.stdout.readline(), process.stdout.readline()]
        try:
            yield pings
        finally:
            process.send_signal(2)
            lines += process.communicate(timeout=30)[0].splitlines()
            pings.at = [float(match[1]) for line in lines if (match := _REPLY.match(line))]
            pings.sent = next(int(line.split()[0]) for line in lines if "packets transmitted" in line)
