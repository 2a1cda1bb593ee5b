"""Computes the parameters of each node's session with a peer. Pure."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from zlib import crc32

from exalb.api.peer import BGPPeerSpec
from exalb.api.peer_fields import is_link_local
from exalb.api.reasons import Finding, Reason
from exalb.api.shorten import shorten_sentences
from exalb.model.cluster import Node
from exalb.model.local_node import Gateway, LocalNode
from exalb.validation.node_annotations import (
    FieldError,
    InvalidFieldError,
    asn,
    host_address,
    identifier,
    read_node_annotation,
)
from exalb.validation.peers import ActivePeer, is_for, peer_address_taken, peer_is_node
from exalb_bgp.rib import Address
from exalb_bgp.session import FAMILIES, Family


@dataclass(frozen=True, slots=True)
class SessionParameters:
    """The parameters of a session that may differ from node to node."""

    peer_address: Address
    local_asn: int
    peer_asn: int
    router_id: IPv4Address
    interface: str | None = None
    """The interface behind which a link-local `peer_address` is."""
    local_address: Address | None = None
    """The node's own address there; None leaves it to the routing table."""


def ibgp_values(peer: ActivePeer, nodes: Iterable[Node]) -> set[bool]:
    """Return the kinds of the peer's sessions: True for iBGP, False for eBGP; `nodes` may each give the AS numbers."""
    spec = peer.spec
    if not spec.my_asn_from and not spec.peer_asn_from:
        return {spec.my_asn == spec.peer_asn}
    found: set[bool] = set()
    for node in nodes:
        if is_for(peer, node):
            with contextlib.suppress(InvalidFieldError):
                local_asn, peer_asn = _asns(spec, node)
                found.add(local_asn == peer_asn)
    return found


def router_families(peer: ActivePeer, nodes: Iterable[Node]) -> set[Family]:
    """Return the families of the router addresses of `peer`, as far as they are known from `nodes`."""
    address, source = peer.spec.peer_address, peer.spec.peer_address_from
    if address:
        return {Family.of(ip_address(address))}
    if source and source.default_gateway:
        return {FAMILIES[source.default_gateway]}
    found: set[Family] = set()
    for node in nodes:
        if is_for(peer, node):
            with contextlib.suppress(InvalidFieldError):
                found.add(Family.of(read_node_annotation(node, "peerAddressFrom", source, host_address)))
    return found


NAMED = 3
"""How many nodes a message names."""


def node_findings(peers: list[ActivePeer], nodes: Iterable[Node]) -> Iterator[Finding]:
    """Yield the errors of single nodes, except those that only the speaker of the node can see."""
    routers = {ip_address(peer.spec.peer_address) for peer in peers if peer.spec.peer_address}
    asks_all = any(peer.spec.asks_nodes for peer in peers)
    found: dict[tuple[str, str, Reason], list[str]] = {}
    concerned = (node for node in nodes if asks_all or not routers.isdisjoint(node.addresses))
    for node in sorted(concerned, key=lambda node: node.name):
        for name, terms in session_parameters_for(node, peers, LocalNode()).items():
            if isinstance(terms, FieldError) and terms.reason is not Reason.NO_DEFAULT_GATEWAY:
                messages = found.setdefault((name, terms.field, terms.reason), [])
                messages.append(terms.message)
    for (name, field, reason), messages in found.items():
        yield Finding("BGPPeer", name, field, reason, shorten_sentences(messages, NAMED, noun="nodes"))


def session_parameters_for(
    node: Node, peers: Iterable[ActivePeer], host: LocalNode
) -> dict[str, SessionParameters | FieldError]:
    """Return the parameters of each session of `node`, by the peer's name, or why it has none."""
    found: dict[str, SessionParameters | FieldError] = {}
    taken: dict[Address, ActivePeer] = {}
    for peer in sorted((peer for peer in peers if is_for(peer, node)), key=lambda peer: peer.age):
        terms = _terms(peer.spec, node, host)
        if isinstance(terms, SessionParameters):
            terms = _refused(terms, node, peer, taken.get(terms.peer_address)) or terms
        if isinstance(terms, SessionParameters):
            taken[terms.peer_address] = peer
        found[peer.name] = terms
    return found


def _refused(terms: SessionParameters, node: Node, peer: ActivePeer, holder: ActivePeer | None) -> FieldError | None:
    """Return why a node cannot have this session, or None; `holder` is an older peer that has the address already."""
    address = terms.peer_address
    if address in node.addresses:
        return peer_is_node(address, node, peer.spec)
    return peer_address_taken(address, node.name, peer.spec, holder) if holder else None


def _terms(spec: BGPPeerSpec, node: Node, host: LocalNode) -> SessionParameters | FieldError:
    try:
        # Annotations come first: every program sees them, and only the node's own speaker sees the default gateway.
        local_asn, peer_asn = _asns(spec, node)
        router_id = _router_id(spec, node)
        router = _router(spec, node, host)
        return SessionParameters(
            peer_address=router.address,
            local_asn=local_asn,
            peer_asn=peer_asn,
            router_id=router_id,
            interface=router.interface if router.link_local else None,
            local_address=_local_address(spec, node, router),
        )
    except InvalidFieldError as error:
        return error.error


def _asns(spec: BGPPeerSpec, node: Node) -> tuple[int, int]:
    """Return the AS numbers of the node and of the peer."""
    local_asn = spec.my_asn or read_node_annotation(node, "myASNFrom", spec.my_asn_from, asn)
    return local_asn, spec.peer_asn or read_node_annotation(node, "peerASNFrom", spec.peer_asn_from, asn)


def _router(spec: BGPPeerSpec, node: Node, host: LocalNode) -> Gateway:
    """Return the way to the peer; only a link-local one names an interface and the node's address there."""
    if spec.peer_address:
        return _known_router(ip_address(spec.peer_address), spec, node, host)
    source = spec.peer_address_from
    if source is None or source.default_gateway is None:
        return Gateway(read_node_annotation(node, "peerAddressFrom", source, host_address), "")
    if host.gateways is None:
        message = f"only the speaker of node {node.name} knows the node's default gateway"
        raise InvalidFieldError("spec.peerAddressFrom", Reason.NO_DEFAULT_GATEWAY, message)
    gateway = host.gateways.get(FAMILIES[source.default_gateway])
    if gateway is None:
        message = f"node {node.name} has no {source.default_gateway} default route to a router"
        raise InvalidFieldError("spec.peerAddressFrom", Reason.NO_DEFAULT_GATEWAY, message)
    return gateway


def _known_router(address: Address, spec: BGPPeerSpec, node: Node, host: LocalNode) -> Gateway:
    interface = spec.source_interface or ""
    if not is_link_local(address) or host.link_locals is None:
        return Gateway(address, interface)
    own = host.link_locals.get(interface)
    if own is None:
        message = (
            f"node {node.name} has no link-local address on {interface}, which {address} needs: check sourceInterface"
        )
        raise InvalidFieldError("spec.sourceInterface", Reason.NO_LINK_LOCAL_ADDRESS, message)
    return Gateway(address, interface, own)


def _local_address(spec: BGPPeerSpec, node: Node, router: Gateway) -> Address | None:
    if spec.source_address is None:
        return _listen_address(node, router) if spec.passive else router.link_local
    source = ip_address(spec.source_address)
    if source.version != router.address.version:
        message = f"{source} and {router.address}, the router of node {node.name}, are of different families"
        raise InvalidFieldError("spec.sourceAddress", Reason.NODE_ANNOTATION_INVALID, message)
    return source


def _listen_address(node: Node, router: Gateway) -> Address:
    """Return the address of the node that the router connects to."""
    family = Family.of(router.address)
    address = None if is_link_local(router.address) else node.address_of(family)
    if address is None:
        kind = "IPv4" if family is Family.IPV4 else "IPv6"
        message = f"node {node.name} has no {kind} address that {router.address} could connect to"
        raise InvalidFieldError("spec.passive", Reason.NO_LISTEN_ADDRESS, message)
    return address


def _router_id(spec: BGPPeerSpec, node: Node) -> IPv4Address:
    """Return the BGP identifier; of a node without IPv4 address a number that is the same at each start (RFC 6286)."""
    if spec.router_id:
        return IPv4Address(spec.router_id)
    if spec.router_id_from:
        return read_node_annotation(node, "routerIDFrom", spec.router_id_from, identifier)
    address = node.address_of(Family.IPV4)
    return address if isinstance(address, IPv4Address) else IPv4Address(crc32(node.name.encode()) or 1)
