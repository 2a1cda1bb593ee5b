"""The routers of a run: each maker's with and without graceful restart, with and without BFD, all at the same time."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import product

from exalb_bgp.rib import Prefix
from exalb_bgp.session import Family
from tests.lab import fabric, layout
from tests.lab.api import Json
from tests.lab.cluster import Lab
from tests.lab.network import Namespace
from tests.lab.routers.bird import Bird
from tests.lab.routers.frr import Frr
from tests.lab.routers.router import Neighbor, Router
from tests.support import objects

MAKERS = ("frr", "bird")
HOLD, HOLD_WITH_BFD, RESTART = 3, 9, 30
"""Seconds."""
INTERVAL = 300
"""Milliseconds between two packets of BFD; three that are lost end its session."""
FILTER = "filter { if (65535, 0) ~ bgp_community then bgp_local_pref = 0; accept; }"
"""By which BIRD honors GRACEFUL_SHUTDOWN, as docs/routers/bird.md says."""
KERNEL = "protocol kernel { ipv4 { import none; export where source = RTS_BGP; }; merge paths on limit 64; }\n"


class ForwardingBird(Bird):
    """BIRD that writes its routes into the kernel's table, and honors GRACEFUL_SHUTDOWN."""

    def _write(self, neighbors: tuple[Neighbor, ...]) -> None:
        super()._write(neighbors)
        file = self.directory / "bird.conf"
        file.write_text(file.read_text().replace(" import all;", f" import {FILTER};") + KERNEL)


@dataclass(frozen=True, slots=True)
class Site:
    """Router `number` (1, 2, …) with its sessions; the probes run on it."""

    lab: Lab
    number: int
    maker: str
    graceful: bool
    bfd: bool

    @property
    def name(self) -> str:
        """Of its BGPPeer."""
        return f"{self.maker}{'-gr' * self.graceful}{'-bfd' * self.bfd}"

    @property
    def network(self) -> Namespace:
        """The router's network."""
        return self.lab.layout.namespace(f"h{self.number}")

    @property
    def router(self) -> Router:
        """The router."""
        address = IPv4Address(f"10.77.0.{layout.OTHER_ROUTERS[self.number - 1]}")
        make = Frr if self.maker == "frr" else ForwardingBird
        return make(self.network, 64600 + self.number, address)

    @property
    def neighbors(self) -> list[Neighbor]:
        """The nodes, as the router is configured for them."""
        bfd = INTERVAL if self.bfd else None
        families = frozenset({Family.IPV4})
        return [Neighbor(node.addresses[0], layout.NODE_AS, families, bfd=bfd) for node in self.lab.nodes]

    @property
    def peer(self) -> Json:
        """The BGPPeer that leads to it."""
        router = self.router
        spec = {"bfd": {"transmitInterval": INTERVAL, "receiveInterval": INTERVAL}} if self.bfd else {}
        return objects.peer(
            self.name,
            myASN=layout.NODE_AS,
            peerASN=router.asn,
            peerAddress=str(router.router_id),
            families=["IPv4"],
            holdTime=HOLD_WITH_BFD if self.bfd else HOLD,
            gracefulRestart={"enabled": self.graceful, "restartTime": RESTART},
            **spec,
        )

    def begin(self) -> None:
        """Make the network and start the router."""
        namespace = Namespace.create(self.lab.name, self.network.role, forwarding=True)
        fabric.join(fabric.switch_of(self.lab.layout), namespace, layout.OTHER_ROUTERS[self.number - 1])
        self.start()

    def start(self) -> None:
        """Start the router, or start it again with empty tables."""
        self.router.start(*self.neighbors)

    def is_whole(self, prefixes: tuple[Prefix, ...]) -> bool:
        """Whether the router forwards each prefix to every node, over sessions that are all up."""
        nodes = {node.addresses[0] for node in self.lab.nodes}
        hops = self.network.run(["ip", "-4", "route", "show", "proto", "bgp" if self.maker == "frr" else "bird"]).stdout
        for prefix in prefixes:
            shown = hops.partition(f"{prefix.network_address} ")[2].partition("\n198.")[0]
            missing = [node for node in nodes if f"via {node} " not in shown]
            assert not missing, f"{self.name} does not forward {prefix} to {missing}"
        bfd = {address for address, session in self.router.bfd_sessions().items() if session.up}
        assert not self.bfd or nodes <= bfd, f"{self.name} has BFD only with {bfd}"
        return True


def of(lab: Lab) -> list[Site]:
    """Return all of them."""
    kinds = product(MAKERS, (True, False), (True, False))
    return [Site(lab, number, maker, graceful, bfd) for number, (maker, graceful, bfd) in enumerate(kinds, 1)]
