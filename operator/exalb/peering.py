"""Which peers are in force, and what a node's session with each comes to where the node itself has a say. Pure.

What a node says wrong, or does not say, harms its own session with that peer and nothing else.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from zlib import crc32

from exalb.annotations import Flaw, FlawError, annotated, asn, host_address, identifier
from exalb.cluster import Cluster, Node
from exalb.host import Gateway, Host
from exalb.reasons import Invalid, Reason
from exalb.resources.common import any_matches
from exalb.resources.peer import BGPPeerSpec
from exalb.resources.peer_parts import is_link_local
from exalb.templates import complete
from exalb_bgp.rib import Address
from exalb_bgp.session import Family, Password

FAMILIES = {"IPv4": Family.IPV4, "IPv6": Family.IPV6}
FAMILY_NAMES = {family: name for name, family in FAMILIES.items()}


@dataclass(frozen=True, slots=True)
class PeerInForce:
    """A peer that sessions are opened with."""

    name: str
    age: tuple[str, str]
    labels: Mapping[str, str]
    spec: BGPPeerSpec
    password: Password | None


@dataclass(frozen=True, slots=True)
class Terms:
    """What of a session may differ from node to node."""

    peer_address: Address
    local_asn: int
    peer_asn: int
    router_id: IPv4Address
    interface: str | None = None
    """The interface behind which a link-local `peer_address` is."""
    local_address: Address | None = None
    """The node's own address there; None leaves it to the routing table."""


def is_for(peer: PeerInForce, node: Node) -> bool:
    """Tell whether `node` opens a session with `peer`."""
    return any_matches(peer.spec.node_selectors, node.labels)


def are_internal(peer: PeerInForce, nodes: Iterable[Node]) -> set[bool]:
    """Tell whether the peer's sessions are internal to an AS (iBGP); where nodes have a say, with each of `nodes`."""
    spec = peer.spec
    if not spec.my_asn_from and not spec.peer_asn_from:
        return {spec.my_asn == spec.peer_asn}
    found: set[bool] = set()
    for node in nodes:
        if is_for(peer, node):
            with contextlib.suppress(FlawError):
                local_asn, peer_asn = _asns(spec, node)
                found.add(local_asn == peer_asn)
    return found


def router_families(peer: PeerInForce, nodes: Iterable[Node]) -> set[Family]:
    """Return the families of the addresses that sessions with `peer` are opened with, as far as `nodes` say them."""
    address, source = peer.spec.peer_address, peer.spec.peer_address_from
    if address:
        return {Family.of(ip_address(address))}
    if source and source.default_gateway:
        return {FAMILIES[source.default_gateway]}
    found: set[Family] = set()
    for node in nodes:
        if is_for(peer, node):
            with contextlib.suppress(FlawError):
                found.add(Family.of(annotated(node, "peerAddressFrom", source, host_address)))
    return found


def owners_of(nodes: Mapping[str, Node]) -> dict[Address, str]:
    """Return whose each address of a node is; of two nodes with one address, the first by name."""
    return {address: name for name in sorted(nodes, reverse=True) for address in nodes[name].addresses}


def peers_in_force(cluster: Cluster, owners: Mapping[Address, str], invalid: list[Invalid]) -> list[PeerInForce]:
    """Judge the peers by the whole cluster; note in `invalid` what is wrong with them, on all nodes or on some."""
    found: list[PeerInForce] = []
    for peer in sorted(complete(cluster.peers, invalid), key=lambda peer: peer.age):
        if peer.spec is None:
            continue
        problem = _problem(peer.spec, cluster, owners, found)
        if problem:
            invalid.append(Invalid("BGPPeer", peer.name, *problem))
            continue
        secret = peer.spec.password_secret_ref and cluster.secrets[peer.spec.password_secret_ref.name]
        found.append(PeerInForce(peer.name, peer.age, peer.labels, peer.spec, secret.password if secret else None))
    invalid.extend(_flaws(found, cluster.nodes.values(), owners))
    return found


def _problem(
    spec: BGPPeerSpec, cluster: Cluster, owners: Mapping[Address, str], earlier: list[PeerInForce]
) -> Flaw | None:
    address = ip_address(spec.peer_address) if spec.peer_address else None
    if address and address in owners:
        return _is_a_node(address, owners, spec)
    if spec.password_secret_ref:
        name = spec.password_secret_ref.name
        secret = cluster.secrets.get(name)
        if secret is None:
            message = f"Secret {name} is not in ExaLB's namespace: make it there, of type kubernetes.io/basic-auth"
            return Flaw("spec.passwordSecretRef", Reason.SECRET_NOT_FOUND, message)
        if secret.problem:
            return Flaw("spec.passwordSecretRef", Reason.SECRET_UNUSABLE, secret.problem)
    for other in earlier:
        if address and other.spec.peer_address and ip_address(other.spec.peer_address) == address:
            both = _common_node(spec, other.spec, cluster.nodes.values())
            if both:
                message = f"peer {other.name} has a session with {address} from node {both}: a node can have one only"
                return Flaw("spec.peerAddress", Reason.PEER_ADDRESS_TAKEN, message)
    return None


def _is_a_node(address: Address, owners: Mapping[Address, str], spec: BGPPeerSpec) -> Flaw:
    message = f"{address} is the address of node {owners[address]}: write the address of a router"
    return Flaw(_address_field(spec), Reason.PEER_IS_NODE, message)


def _address_field(spec: BGPPeerSpec) -> str:
    return "spec.peerAddress" if spec.peer_address else "spec.peerAddressFrom"


def _common_node(one: BGPPeerSpec, other: BGPPeerSpec, nodes: Iterable[Node]) -> str | None:
    names = (
        node.name
        for node in nodes
        if any_matches(one.node_selectors, node.labels) and any_matches(other.node_selectors, node.labels)
    )
    return min(names, default=None)


NAMED = 3
"""How many nodes a sentence names."""


def _flaws(peers: list[PeerInForce], nodes: Iterable[Node], owners: Mapping[Address, str]) -> Iterator[Invalid]:
    """Yield what single nodes say wrong; what only their speakers can see is theirs to tell."""
    asking = [peer.spec for peer in peers if peer.spec.asks_nodes]
    if not asking:
        return
    found: dict[tuple[str, str, Reason], list[str]] = {}
    for node in sorted(nodes, key=lambda node: node.name):
        for name, terms in terms_on(node, peers, Host(), owners).items():
            if isinstance(terms, Flaw) and terms.reason is not Reason.NO_DEFAULT_GATEWAY:
                told = found.setdefault((name, terms.field, terms.reason), [])
                told.append(terms.message)
    for (name, field, reason), told in found.items():
        more = f"; and {len(told) - NAMED} more nodes" if len(told) > NAMED else ""
        yield Invalid("BGPPeer", name, field, reason, "; ".join(told[:NAMED]) + more)


def terms_on(
    node: Node, peers: Iterable[PeerInForce], host: Host, owners: Mapping[Address, str]
) -> dict[str, Terms | Flaw]:
    """Return the terms of each session that `node` shall have, by the peer's name, or why there is none."""
    found: dict[str, Terms | Flaw] = {}
    taken: dict[Address, str] = {}
    for peer in sorted((peer for peer in peers if is_for(peer, node)), key=lambda peer: peer.age):
        terms = _terms(peer.spec, node, host)
        if isinstance(terms, Terms):
            terms = _refused(terms, node, peer, owners, taken) or terms
        found[peer.name] = terms
    return found


def _refused(
    terms: Terms, node: Node, peer: PeerInForce, owners: Mapping[Address, str], taken: dict[Address, str]
) -> Flaw | None:
    """Tell why a node cannot have this session; note in `taken` the address that it takes otherwise."""
    address = terms.peer_address
    if address in owners:
        field, reason, message = _is_a_node(address, owners, peer.spec)
        return Flaw(field, reason, f"on node {node.name}, {message}")
    holder = taken.setdefault(address, peer.name)
    if holder == peer.name:
        return None
    message = f"peer {holder} has a session with {address} from node {node.name}: a node can have one only"
    return Flaw(_address_field(peer.spec), Reason.PEER_ADDRESS_TAKEN, message)


def _terms(spec: BGPPeerSpec, node: Node, host: Host) -> Terms | Flaw:
    try:
        # What a node says comes first: everybody sees it, and the default gateway only the node's own speaker.
        local_asn, peer_asn = _asns(spec, node)
        router_id = _router_id(spec, node)
        router = _router(spec, node, host)
        return Terms(
            peer_address=router.address,
            local_asn=local_asn,
            peer_asn=peer_asn,
            router_id=router_id,
            interface=router.interface if router.link_local else None,
            local_address=_local_address(spec, node, router),
        )
    except FlawError as error:
        return error.flaw


def _asns(spec: BGPPeerSpec, node: Node) -> tuple[int, int]:
    """Return the AS numbers of the node and of the peer."""
    local_asn = spec.my_asn or annotated(node, "myASNFrom", spec.my_asn_from, asn)
    return local_asn, spec.peer_asn or annotated(node, "peerASNFrom", spec.peer_asn_from, asn)


def _router(spec: BGPPeerSpec, node: Node, host: Host) -> Gateway:
    """Return the way to the peer; only a link-local one names an interface and the node's address there."""
    if spec.peer_address:
        return _known_router(ip_address(spec.peer_address), spec, node, host)
    source = spec.peer_address_from
    if source is None or source.default_gateway is None:
        return Gateway(annotated(node, "peerAddressFrom", source, host_address), "")
    if host.gateways is None:
        message = f"only the speaker of node {node.name} knows the node's default gateway"
        raise FlawError("spec.peerAddressFrom", Reason.NO_DEFAULT_GATEWAY, message)
    gateway = host.gateways.get(FAMILIES[source.default_gateway])
    if gateway is None:
        message = f"node {node.name} has no {source.default_gateway} default route to a router"
        raise FlawError("spec.peerAddressFrom", Reason.NO_DEFAULT_GATEWAY, message)
    return gateway


def _known_router(address: Address, spec: BGPPeerSpec, node: Node, host: Host) -> Gateway:
    interface = spec.source_interface or ""
    if not is_link_local(address) or host.link_locals is None:
        return Gateway(address, interface)
    own = host.link_locals.get(interface)
    if own is None:
        message = f"node {node.name} has no link-local address on {interface}, where {address} is to be"
        raise FlawError("spec.sourceInterface", Reason.NO_LINK_LOCAL_ADDRESS, message)
    return Gateway(address, interface, own)


def _local_address(spec: BGPPeerSpec, node: Node, router: Gateway) -> Address | None:
    if spec.source_address is None:
        return _where_to_wait(node, router) if spec.passive else router.link_local
    source = ip_address(spec.source_address)
    if source.version != router.address.version:
        message = f"{source} is of another family than {router.address}, the router of node {node.name}"
        raise FlawError("spec.sourceAddress", Reason.NODE_ANNOTATION_INVALID, message)
    return source


def _where_to_wait(node: Node, router: Gateway) -> Address:
    """Return the node's address that the router calls."""
    family = Family.of(router.address)
    address = None if is_link_local(router.address) else node.address_of(family)
    if address is None:
        kind = "IPv4" if family is Family.IPV4 else "IPv6"
        message = f"node {node.name} has no {kind} address that {router.address} could call"
        raise FlawError("spec.passive", Reason.NO_ADDRESS_TO_WAIT_AT, message)
    return address


def _router_id(spec: BGPPeerSpec, node: Node) -> IPv4Address:
    """Return the BGP identifier; of a node without IPv4 address a number that is the same at each start (RFC 6286)."""
    if spec.router_id:
        return IPv4Address(spec.router_id)
    if spec.router_id_from:
        return annotated(node, "routerIDFrom", spec.router_id_from, identifier)
    address = node.address_of(Family.IPV4)
    return address if isinstance(address, IPv4Address) else IPv4Address(crc32(node.name.encode()) or 1)
