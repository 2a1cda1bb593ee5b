"""Decides which BGPPeers are active, and why others are not. Pure.

A wrong or missing Node annotation affects only that node's session with that peer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from exalb.api.peer import BGPPeerSpec
from exalb.api.reasons import Finding, Reason
from exalb.api.schema import any_matches
from exalb.model.cluster import Node
from exalb.validation.inputs import RuleInputs
from exalb.validation.node_annotations import FieldError
from exalb.validation.passwords import password_error
from exalb.validation.peer_templates import resolve_templates
from exalb_bgp.rib import Address
from exalb_bgp.session import Password


@dataclass(frozen=True, slots=True)
class ActivePeer:
    """A peer that sessions are opened with."""

    name: str
    age: tuple[str, str]
    labels: Mapping[str, str]
    spec: BGPPeerSpec
    password: Password | None


def is_for(peer: ActivePeer, node: Node) -> bool:
    """Return whether `node` opens a session with `peer`."""
    return any_matches(peer.spec.node_selectors, node.labels)


def active_peers(inputs: RuleInputs) -> tuple[list[ActivePeer], list[Finding]]:
    """Return the active peers, by age, and the errors of the others."""
    active: list[ActivePeer] = []
    peers, findings = resolve_templates(inputs.peers)
    for peer, spec in sorted(peers, key=lambda item: item[0].age):
        error = _field_error(spec, inputs, active)
        if error:
            findings.append(Finding("BGPPeer", peer.name, *error))
            continue
        secret = spec.password_secret_ref and inputs.secrets[spec.password_secret_ref.name]
        active.append(ActivePeer(peer.name, peer.age, peer.labels, spec, secret.password if secret else None))
    return active, findings


def _field_error(spec: BGPPeerSpec, inputs: RuleInputs, earlier: list[ActivePeer]) -> FieldError | None:
    address = ip_address(spec.peer_address) if spec.peer_address else None
    if spec.password_secret_ref:
        error = password_error(spec.password_secret_ref.name, inputs.secrets, inputs.secrets_namespace)
        if error:
            return error
    for other in earlier:
        if address and other.spec.peer_address and ip_address(other.spec.peer_address) == address:
            both = _common_node(spec, other.spec, inputs.nodes.values())
            if both:
                return peer_address_taken(address, both, spec, other)
    return None


def peer_is_node(address: Address, node: Node, spec: BGPPeerSpec) -> FieldError:
    """Return the error of a node that has the address of the router itself; other nodes keep their sessions.

    The spec, written by an administrator, ranks above the status of a Node.
    """
    message = f"node {node.name} has the address {address} itself, so it opens no session: correct one of them"
    return FieldError(address_field(spec), Reason.PEER_IS_NODE, message)


def peer_address_taken(address: Address, node: str, spec: BGPPeerSpec, older: ActivePeer) -> FieldError:
    """Return the error of a peer whose router has a session with the node already, by an older peer."""
    message = f"BGPPeer {older.name} has a session with {address} from node {node}: a node can have only one"
    if spec.bfd and spec.bfd != older.spec.bfd:
        message += f", so spec.bfd of {older.name} counts there"
    return FieldError(address_field(spec), Reason.PEER_ADDRESS_TAKEN, message)


def address_field(spec: BGPPeerSpec) -> str:
    """Return the field that names the peer's address."""
    return "spec.peerAddress" if spec.peer_address else "spec.peerAddressFrom"


def _common_node(one: BGPPeerSpec, other: BGPPeerSpec, nodes: Iterable[Node]) -> str | None:
    names = (
        node.name
        for node in nodes
        if any_matches(one.node_selectors, node.labels) and any_matches(other.node_selectors, node.labels)
    )
    return min(names, default=None)
