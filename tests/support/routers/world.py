"""Where the router stories happen: a node with one engine, and three routers of other makers, on one switch.

The engine keeps a session over IPv4 and one over IPv6 with every router at the same time, so that a story about one
session always shows too that the five others were left alone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from types import TracebackType
from typing import Any, Self

from exalb_bgp.rib import Address, Attributes, Prefix, Rib
from exalb_bgp.session import Family, Session, State
from exalb_bgp.speaker import Speaker
from tests.lab.network import Namespace, attach, bridge
from tests.lab.routers.bird import Bird
from tests.lab.routers.frr import Frr
from tests.lab.routers.gobgp import GoBgp
from tests.lab.routers.router import Neighbor, Route, Router
from tests.lab.wait import until
from tests.support.engine.rig import Engine

MAKERS: tuple[type[Router], ...] = (Frr, Bird, GoBgp)
LOCAL_ASN, ROUTER_ASN = 64512, 64513
NODE: Mapping[Family, Address] = {Family.IPV4: IPv4Address("10.77.0.11"), Family.IPV6: IPv6Address("fd00:77::11")}
OTHER: Mapping[Family, Address] = {Family.IPV4: IPv4Address("10.77.0.12"), Family.IPV6: IPv6Address("fd00:77::12")}
"""The node's second address."""
FIRST_ROUTER = 101


@dataclass(frozen=True)
class Peer:
    """One of the six sessions: a router, and the family over which it is spoken to."""

    router: Router
    family: Family
    address: Address
    loopback: Address
    """An address of the router that is not on the switch: two hops away for BGP."""

    @property
    def name(self) -> str:
        """The peer's name for the engine."""
        return f"{self.router.kind}-{self.family.value}"

    @property
    def session(self) -> Session:
        """The plain session, as the engine is asked for it."""
        return Session(
            peer=self.name,
            peer_address=self.address,
            local_asn=LOCAL_ASN,
            peer_asn=ROUTER_ASN,
            router_id=IPv4Address("10.77.0.11"),
            local_address=NODE[self.family],
            graceful_restart=30,
        )

    @property
    def neighbor(self) -> Neighbor:
        """The plain session, as the router is configured for it."""
        return Neighbor(NODE[self.family], LOCAL_ASN)


@dataclass
class World:
    """The network with all its programs. A story changes a part; `reset` restores the plain state."""

    lab: str
    fabric: Namespace = field(init=False)
    node: Namespace = field(init=False)
    engine: Engine = field(init=False)
    routers: list[Router] = field(default_factory=list)
    peers: dict[str, Peer] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    neighbors: dict[str, Neighbor] = field(default_factory=dict)
    ribs: dict[str, Rib] = field(default_factory=dict)
    _acted: dict[str, tuple[object, datetime]] = field(default_factory=dict)
    """When each session was last changed, at one end or both."""

    def __post_init__(self) -> None:
        """Name the parts of the network."""
        self.fabric, self.node = Namespace(self.lab, "fabric"), Namespace(self.lab, "node")
        self.engine = Engine(self.node, small=True)

    def __enter__(self) -> Self:
        """Lay the cables, start the routers and the engine."""
        try:
            self._build()
        except BaseException:
            self.engine.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the engine; the namespaces go with the lab."""
        self.engine.stop()

    def _build(self) -> None:
        switch = bridge(Namespace.create(self.lab, self.fabric.role))
        Namespace.create(self.lab, self.node.role)
        attach(switch, self.node)
        self.node.sysctl({"net.ipv4.ip_unprivileged_port_start": 0})  # a passive session listens on port 179
        self.node.address("eth0", *map(interface, (*NODE.values(), *OTHER.values())))
        for number, maker in enumerate(MAKERS, FIRST_ROUTER):
            namespace = Namespace.create(self.lab, maker.kind, forwarding=True)
            attach(switch, namespace)
            router = maker(namespace, ROUTER_ASN, IPv4Address(f"10.77.0.{number}"))
            self.routers.append(router)
            self._place(router, IPv4Address(f"10.77.0.{number}"), IPv4Address(f"10.77.255.{number}"))
            self._place(router, IPv6Address(f"fd00:77::{number}"), IPv6Address(f"fd00:77:255::{number}"))
            router.start()
        self.engine.start()

    def _place(self, router: Router, address: Address, loopback: Address) -> None:
        peer = Peer(router, Family.of(address), address, loopback)
        router.namespace.address("eth0", interface(address))
        router.namespace.ip(f"address add {loopback} dev lo")
        self.node.ip(f"route add {loopback} via {address}")
        self.peers[peer.name] = peer

    def reset(self) -> None:
        """Return to six plain sessions, all Established, and nothing announced."""
        self.ribs = {}
        self.sessions = {name: peer.session for name, peer in self.peers.items()}
        self.neighbors = {name: peer.neighbor for name, peer in self.peers.items()}
        self.act()
        self.until_established(*self.peers.values(), seconds=120)
        self.engine.settle()

    def change(self, peer: Peer, session: Mapping[str, Any], neighbor: Mapping[str, Any]) -> None:
        """Change one session at both ends, from the next `act` on."""
        self.sessions[peer.name] = replace(self.sessions[peer.name], **session)
        self.neighbors[peer.name] = replace(self.neighbors[peer.name], **neighbor)

    def announce(self, rib: Rib, *peers: Peer) -> None:
        """Announce this table to the peers, and nothing else."""
        self.ribs |= {peer.name: rib for peer in peers}
        self.act_on_engine()

    def act(self) -> None:
        """Configure both ends as wanted now; sessions that differ are closed first, so that old never meets new."""
        if changed := self._changed():
            sessions = {name: session for name, session in self.sessions.items() if name not in changed}
            self.engine.apply(Speaker(sessions, dict(self.ribs)))
            self.engine.settle()
            self._configure(self.peers.keys() - changed)  # GoBGP refuses a neighbour for a while that it lost
            self.act_on_routers()
        self.act_on_engine()

    def act_on_routers(self) -> None:
        """Configure the routers as wanted now."""
        self._configure(self.peers.keys())
        self._acted |= {name: (ends, datetime.now(UTC)) for name, ends in self._changed().items()}

    def act_on_engine(self) -> None:
        """Give the engine the goal that is wanted now."""
        self.engine.apply(Speaker(dict(self.sessions), dict(self.ribs)))

    def _configure(self, names: Collection[str]) -> None:
        for router in self.routers:
            mine = [name for name, peer in self.peers.items() if peer.router is router and name in names]
            router.configure(*(self.neighbors[name] for name in mine))

    def _changed(self) -> dict[str, object]:
        """Return the sessions whose configuration differs from the last one."""
        wanted = {name: (self.sessions.get(name), self.neighbors[name]) for name in self.peers}
        return {name: ends for name, ends in wanted.items() if self._acted.get(name, (None, None))[0] != ends}

    def received(self, peer: Peer) -> dict[Prefix, Route]:
        """Return the routes that the router holds from this session."""
        address = self.node_address(peer)
        return {route.prefix: route for route in peer.router.routes() if route.peer == address}

    def established(self, peer: Peer) -> bool:
        """Whether the router reports the session as Established."""
        peering = peer.router.peerings().get(self.node_address(peer))
        return peering is not None and peering.established

    def until_established(self, *peers: Peer, seconds: float = 30) -> None:
        """Wait until both ends report all these sessions as Established, with their latest configuration."""
        for peer in peers:
            until(f"{peer.name} is Established", partial(self._is_new_and_established, peer), seconds=seconds)

    def _is_new_and_established(self, peer: Peer) -> bool:
        seen = self.engine.session(peer.name)
        is_new = seen.since is not None and seen.since > self._acted[peer.name][1]
        assert seen.state is State.ESTABLISHED, seen
        assert is_new, f"still the old session: {seen}"
        return self.established(peer)

    def until_announced(self, *peers: Peer, seconds: float = 20) -> None:
        """Wait until each router holds exactly its table, with every attribute."""
        for peer in peers:
            until(f"{peer.name} holds its table", partial(self._holds_its_table, peer), seconds=seconds)

    def _holds_its_table(self, peer: Peer) -> bool:
        wanted = {prefix: self.view(peer, prefix, a) for prefix, a in self.ribs.get(peer.name, {}).items()}
        announced = {prefix for prefix, peers in peer.router.prefixes().items() if self.node_address(peer) in peers}
        assert announced == wanted.keys()  # cheap, so checked first
        internal = self.sessions[peer.name].is_ibgp
        held = self.received(peer).items()
        assert {p: route if internal else replace(route, local_pref=None) for p, route in held} == wanted
        return True

    def view(self, peer: Peer, prefix: Prefix, attributes: Attributes) -> Route:
        """Return how a router must see an announced route; LOCAL_PREF counts on iBGP sessions."""
        session = self.sessions[peer.name]
        return Route(
            prefix,
            self.node_address(peer),
            next_hop=attributes.next_hop or self.node_address(peer),
            as_path=() if session.is_ibgp else (session.local_asn,) * (attributes.as_path_prepend + 1),
            med=attributes.med,
            local_pref=(100 if attributes.local_pref is None else attributes.local_pref) if session.is_ibgp else None,
            communities=frozenset(attributes.communities),
            large_communities=frozenset(attributes.large_communities),
            extended_communities=frozenset(attributes.extended_communities),
        )

    def connections(self, *, but: Sequence[Peer] = ()) -> dict[str, int]:
        """Count how often each session became Established, as the routers report."""
        peerings = {router.kind: router.peerings() for router in self.routers}
        return {
            name: peerings[peer.router.kind][self.node_address(peer)].connections
            for name, peer in self.peers.items()
            if peer not in but
        }

    def node_address(self, peer: Peer) -> Address:
        """Return the node's end of a session."""
        session = self.sessions.get(peer.name, peer.session)
        return session.local_address or NODE[peer.family]


def table(count: int, attributes: Attributes | None = None) -> Rib:
    """Make a table of host routes, IPv4 and IPv6 in turn, with next hops that every session can carry."""
    rib: dict[Prefix, Attributes] = {}
    for number in range(count):
        family = (Family.IPV4, Family.IPV6)[number % 2]
        rib[host(family, number // 2)] = replace(attributes or Attributes(), next_hop=NODE[family])
    return rib


def host(family: Family, number: int) -> Prefix:
    """Return the host route of that number."""
    if family is Family.IPV4:
        return IPv4Network(IPv4Address("198.51.100.0") + number)
    return IPv6Network(IPv6Address("2001:db8:100::") + number)


def interface(address: Address) -> IPv4Interface | IPv6Interface:
    """Return an address of the switch with the length of its prefix."""
    return IPv4Interface(f"{address}/24") if address.version == 4 else IPv6Interface(f"{address}/64")
