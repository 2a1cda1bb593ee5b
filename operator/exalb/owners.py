"""Whose an address is that no Service may have, since a node or a router has it already. Pure."""

import contextlib
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import NamedTuple

from exalb.annotations import FlawError, annotated, host_address
from exalb.cluster import Node, Peer
from exalb.peering import owners_of
from exalb.reasons import Reason
from exalb.resources.common import any_matches
from exalb_bgp.rib import Address


class Owner(NamedTuple):
    """Who has an address."""

    reason: Reason
    """What a pool is told that has the address."""
    text: str
    """As in `198.51.100.9 is the address of node n1`."""


def owners(nodes: Mapping[str, Node], peers: Mapping[str, Peer]) -> dict[Address, Owner]:
    """Return the addresses that are not to be given away, each with its owner.

    Of peers it goes by what is written, in force or not: a router has its address also while a Secret is missing.
    """
    found: dict[Address, Owner] = {}
    for name, peer in sorted(peers.items()):
        for address, text in _named_by(peer, nodes):
            found.setdefault(address, Owner(Reason.POOL_HOLDS_PEER, f"{text} BGPPeer {name}"))
    of_nodes = {
        one: Owner(Reason.POOL_HOLDS_NODE, f"the address of node {name}") for one, name in owners_of(nodes).items()
    }
    return found | of_nodes


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
                with contextlib.suppress(FlawError):
                    yield annotated(node, "peerAddressFrom", source, host_address), "the address of"
