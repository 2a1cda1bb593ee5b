"""Finds the addresses that no Service is assigned because something else has them. Pure.

    the address of               is known from                                        a Service that has it
    a router, or its next hop    BGPPeers, and annotations of Nodes that they name    releases it
    a node                       the first addresses in the status of its Node        keeps it
    a node's default gateway     the BGPSpeaker of the node                           keeps it
    pods                         podCIDRs of Nodes                                    keeps it

Administrators write BGPPeers. The rest are statements of nodes, and no node may take an address from a Service.
"""

import contextlib
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import NamedTuple

from exalb.api.address_ranges import AddressRange
from exalb.api.reasons import Reason
from exalb.api.schema import any_matches
from exalb.model.cluster import Node, Peer, SpeakerReport
from exalb.validation.node_annotations import InvalidFieldError, host_address, read_node_annotation
from exalb_bgp.rib import Address

MAX_NODE_ADDRESSES = 16
"""How many addresses in a Node's status count: a node cannot claim a whole pool."""


class AddressOwner(NamedTuple):
    """The owner of an address."""

    reason: Reason
    """The reason in the condition of a pool that contains the address."""
    text: str
    """As in `198.51.100.9 is the address of node n1`."""
    is_claim: bool = False
    """Whether a node says so, and no administrator: a Service that has the address keeps it."""


def reserved_addresses(
    nodes: Mapping[str, Node], peers: Mapping[str, Peer], gateways: Mapping[Address, str]
) -> dict[Address, AddressOwner]:
    """Return the addresses that no Service is assigned, each with its owner.

    Peers count even if they are not active: a router has its address also while a Secret is missing.
    """
    found: dict[Address, AddressOwner] = {}
    for name, peer in sorted(peers.items()):
        for address, text in _named_by(peer, nodes):
            found.setdefault(address, AddressOwner(Reason.POOL_CONTAINS_PEER_ADDRESS, f"{text} BGPPeer {name}"))
    of_nodes = {
        address: AddressOwner(Reason.POOL_CONTAINS_NODE_ADDRESS, f"the address of node {name}", is_claim=True)
        for address, name in node_addresses(nodes).items()
    }
    of_gateways = {
        address: AddressOwner(Reason.POOL_CONTAINS_PEER_ADDRESS, text, is_claim=True)
        for address, text in gateways.items()
    }
    # A BGPPeer, written by an administrator, ranks above the statements of nodes.
    return of_gateways | of_nodes | found


def reserved_ranges(nodes: Mapping[str, Node]) -> list[tuple[AddressRange, AddressOwner]]:
    """Return the ranges of addresses that no Service is assigned, each with its owner."""
    return [
        (
            part,
            AddressOwner(
                Reason.POOL_CONTAINS_POD_ADDRESSES,
                f"in {part}, the addresses of the pods of node {name}",
                is_claim=True,
            ),
        )
        for name, node in sorted(nodes.items())
        for part in node.pod_ranges
    ]


def reported_gateways(
    peers: Mapping[str, Peer], nodes: Mapping[str, Node], speakers: Mapping[str, SpeakerReport]
) -> dict[Address, str]:
    """Return the default gateways that speakers have sessions with, each with its node and BGPPeer.

    A report counts where a node may have that session, and one address for each BGPPeer: a node cannot claim a pool.
    """
    by_gateway = {
        name: peer.spec
        for name, peer in peers.items()
        if peer.spec and peer.spec.peer_address_from and peer.spec.peer_address_from.default_gateway
    }
    found: dict[Address, str] = {}
    for name, speaker in sorted(speakers.items()) if by_gateway else ():
        node = nodes.get(name)
        reported = {session.peer: session.peer_address for session in reversed(speaker.observed.sessions)}
        for peer, spec in by_gateway.items() if node else ():
            address = reported.get(peer)
            if node and address and any_matches(spec.node_selectors, node.labels):
                with contextlib.suppress(ValueError):
                    found.setdefault(ip_address(address), f"the default gateway of node {name} (BGPPeer {peer})")
    return found


def _named_by(peer: Peer, nodes: Mapping[str, Node]) -> Iterator[tuple[Address, str]]:
    spec = peer.spec
    if spec is None:
        return
    fields = (("address", spec.peer_address), ("nextHop", spec.next_hop), ("sourceAddress", spec.source_address))
    for field, value in fields:
        if value:
            yield ip_address(value), f"the {field} of"
    source = spec.peer_address_from
    if source and source.node_annotation:
        for node in nodes.values():
            if any_matches(spec.node_selectors, node.labels):
                with contextlib.suppress(InvalidFieldError):
                    yield read_node_annotation(node, "peerAddressFrom", source, host_address), "the address of"


def node_addresses(nodes: Mapping[str, Node]) -> dict[Address, str]:
    """Return the node of each node address; if two nodes have one address, the first by name."""
    return {
        address: name for name in sorted(nodes, reverse=True) for address in nodes[name].addresses[:MAX_NODE_ADDRESSES]
    }
