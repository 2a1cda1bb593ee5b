"""Where everything of a lab is: its name, its directories and its addresses, all derived from the name and a number.

Labs of different names may use equal addresses, because each lives in network namespaces of its own.
"""

import os
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from pathlib import Path

from tests.lab import network
from tests.lab.network import Namespace

DEFAULT_NAME = "exalb"
PART_OF = "EXALB_LAB_PART_OF"
"""In the environment of each process that is a part of a lab: its name. Whoever works with one has it not."""
STORES = Path("/var/lib/exalb-lab")
"""A directory here for each lab: what is large, such as the nodes' images."""

FABRIC4, FABRIC6 = IPv4Network("10.77.0.0/24"), IPv6Network("fd00:77::/64")
PODS4, PODS6 = IPv4Network("10.88.0.0/16"), IPv6Network("fd00:88::/32")
SERVICES4, SERVICES6 = IPv4Network("10.96.0.0/16"), IPv6Network("fd00:96::/112")
OUTSIDE4, OUTSIDE6 = IPv4Network("203.0.113.0/24"), IPv6Network("2001:db8:113::/64")
"""Between the router (host 1) and the client (host 2)."""
NAMESERVER = IPv4Address("203.0.113.53")
"""The nameserver of the nodes. The router drops what is sent there: no lookup may be on the way to a route."""
POOL4, POOL6 = IPv4Network("198.51.100.0/24"), IPv6Network("2001:db8:100::/64")
"""From which the Services' addresses are taken."""
FIRST_ON_LAN = IPv4Address("10.77.0.60")
"""The first of twenty addresses of the fabric that no host has: those of Services in mode L2."""

CONTROL_PLANE, NODES, ROUTER, OTHER_ROUTERS, CLIENT = 1, range(11, 51), 100, range(101, 251), 252
"""Host numbers on the fabric."""
NODE_AS, ROUTER_AS = 64512, 64513


class Mode(StrEnum):
    """Where the client of a lab is, and by which protocol it reaches Services."""

    BGP = "bgp"
    """Behind a router, which has sessions with the nodes."""
    L2 = "l2"
    """On the LAN of the nodes; the gateway of that LAN speaks no BGP."""


class ProxyMode(StrEnum):
    """The means by which kube-proxy of a lab's nodes forwards traffic of Services."""

    NFTABLES = "nftables"
    IPTABLES = "iptables"
    IPVS = "ipvs"
    """With strict ARP."""
    NONE = "none"
    """No kube-proxy: something else forwards, as network plugins do that replace it."""


def default_name() -> str:
    """Return the name of the lab that a command means when none is given: EXALB_LAB, else `exalb`."""
    return os.environ.get("EXALB_LAB") or DEFAULT_NAME


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of one lab. Making the value makes nothing else."""

    name: str

    @property
    def state(self) -> Path:
        """The directory of everything small: configuration, keys, logs, sockets."""
        return network.STATE / self.name

    @property
    def store(self) -> Path:
        """The directory of everything large."""
        return STORES / self.name

    @property
    def bin(self) -> Path:
        """Commands for a person who looks around."""
        return self.state / "bin"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's; works in the control plane's namespace, and from every node."""
        return self.state / "kubeconfig"

    @property
    def reaper(self) -> Path:
        """The identity of the process that clears the lab away when its owner is gone."""
        return self.state / "reaper.pid"

    @property
    def owner(self) -> Path:
        """The identity of the process that the lab belongs to."""
        return self.state / "owner.pid"

    @property
    def environment(self) -> dict[str, str]:
        """Variables for kubectl and Helm; their files are removed with the lab, because labs have equal addresses."""
        caches = ("KUBECACHEDIR", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")
        kept = {name: str(self.state / "kubectl") for name in caches}
        return {"KUBECONFIG": str(self.kubeconfig), "EXALB_LAB": self.name, **kept}

    def log(self, name: str) -> Path:
        """Return the log file of a process."""
        return self.state / "logs" / f"{name}.log"

    def namespace(self, role: str) -> Namespace:
        """Return one of the lab's network namespaces, there or not."""
        return Namespace(self.name, role)


def on_fabric(host: int) -> tuple[IPv4Interface, IPv6Interface]:
    """Return the addresses of host `host` on the fabric."""
    return _pair(FABRIC4, FABRIC6, host)


def outside(host: int) -> tuple[IPv4Interface, IPv6Interface]:
    """Return the addresses of host `host` on the link between router and client."""
    return _pair(OUTSIDE4, OUTSIDE6, host)


def pods(number: int) -> tuple[IPv4Network, IPv6Network]:
    """Return the networks of the pods on node `number` (1, 2, …)."""
    four, six = ip_network(f"10.88.{number}.0/24"), ip_network(f"fd00:88:{number}::/64")
    assert isinstance(four, IPv4Network)
    assert isinstance(six, IPv6Network)
    return four, six


def first(network: IPv4Network | IPv6Network) -> IPv4Address | IPv6Address:
    """Return the first host address of a network: of the Services' it is the API server's."""
    return ip_address(int(network.network_address) + 1)


def _pair(four: IPv4Network, six: IPv6Network, host: int) -> tuple[IPv4Interface, IPv6Interface]:
    """Give a host number in both families; the digits read alike: .11 and ::11."""
    a = ip_interface(f"{four.network_address + host}/{four.prefixlen}")
    b = ip_interface(f"{six.network_address}{host}/{six.prefixlen}")
    assert isinstance(a, IPv4Interface)
    assert isinstance(b, IPv6Interface)
    return a, b
