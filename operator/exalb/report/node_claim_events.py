"""Posts an event when a node is left out because its Node has the address of a router or of a Service. Pure.

What a node says of itself binds that node alone (docs/decisions/028): other nodes keep the session and the route. The
speaker of the node reports it, too; an event is seen without a look at each node.
"""

from collections.abc import Iterator, Mapping

from exalb.api.reasons import Reason
from exalb.api.shorten import shorten_sentences
from exalb.model.address_record import managed_addresses
from exalb.model.cluster import Cluster, Key, Node
from exalb.model.diff import changed_keys
from exalb.model.local_node import LocalNode
from exalb.model.patches import EventDraft
from exalb.report.speaker_event import speaker_event
from exalb.validation.node_annotations import FieldError
from exalb.validation.rules import Rules
from exalb.validation.session_parameters import session_parameters_for
from exalb_bgp.rib import Address

SHOWN = 3
"""How many routers or Services an event names: a node may claim as many addresses as it likes."""
ACTION = "Exclude"


def claim_events(before: Cluster, after: Cluster, rules: Rules) -> Iterator[EventDraft]:
    """Yield the events about all that is new in the second of two snapshots; `rules` are those of the second."""
    new = {name for name in changed_keys(before.speakers, after.speakers) if name not in before.speakers}
    names = sorted(new.union(changed_keys(before.nodes, after.nodes)) & after.nodes.keys() & after.speakers.keys())
    earlier = {name: before.nodes[name] for name in names if name in before.nodes and name not in new}
    fresh = {name: _fresh(earlier.get(name), after.nodes[name]) for name in names}
    holders = _holders(after, {address for addresses in fresh.values() for address in addresses})
    for name in names:
        speaker, known = after.speakers[name], _own_routers(earlier.get(name), rules)
        routers = [text for peer, text in _own_routers(after.nodes[name], rules).items() if peer not in known]
        if routers:
            yield speaker_event(speaker, "Warning", Reason.PEER_IS_NODE, shorten_sentences(routers, SHOWN), ACTION)
        services = [_of_service(name, address, holders[address]) for address in fresh[name] if address in holders]
        if services:
            yield speaker_event(speaker, "Warning", Reason.ADDRESS_IN_USE, shorten_sentences(services, SHOWN), ACTION)


def _fresh(before: Node | None, after: Node) -> tuple[Address, ...]:
    known = before.addresses if before else ()
    return tuple(address for address in after.addresses if address not in known)


def _holders(cluster: Cluster, wanted: set[Address]) -> Mapping[Address, Key]:
    """Return the first Service by name that has each of these addresses; no Service is looked at if none is wanted."""
    found: dict[Address, Key] = {}
    for key, service in cluster.services.items() if wanted else ():
        if not wanted.isdisjoint(service.held) and cluster.is_ours(service):
            for address in wanted.intersection(managed_addresses(service)):
                found[address] = min(key, found.get(address, key))
    return found


def _own_routers(node: Node | None, rules: Rules) -> Mapping[str, str]:
    """Return a sentence for each BGPPeer whose router has an address of the node, by the name of the peer."""
    parameters = session_parameters_for(node, rules.peers, LocalNode()) if node else {}
    return {
        peer: f"BGPPeer {peer}: {error.message}"
        for peer, error in parameters.items()
        if isinstance(error, FieldError) and error.reason is Reason.PEER_IS_NODE
    }


def _of_service(node: str, address: Address, holder: Key) -> str:
    return (
        f"the status of Node {node} has {address}, the address of Service {holder}: the node does not announce it, and"
        " other nodes do; remove the address from the node"
    )
