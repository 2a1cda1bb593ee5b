"""Warnings: settings of pools, advertisements and peers that are valid and active but have no effect. Pure."""

from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address
from typing import NamedTuple

from exalb.analysis.pool_warnings import unannounced_pools
from exalb.announcement.advertisements import advertises_to, selects_peer
from exalb.announcement.sessions import next_hop
from exalb.api.reasons import Finding, Reason, Refusal
from exalb.api.schema import any_matches
from exalb.api.shorten import shorten_names
from exalb.model.cluster import Cluster, Node
from exalb.model.local_node import LocalNode
from exalb.validation.advertisements import ActiveAdvertisement, selects_pool
from exalb.validation.peers import ActivePeer, is_for
from exalb.validation.pools import PoolIndex, never_given
from exalb.validation.rules import Rules
from exalb.validation.session_parameters import (
    NAMED,
    SessionParameters,
    ibgp_values,
    router_families,
    session_parameters_for,
)
from exalb_bgp.session import FAMILIES, Family


def static_warnings(cluster: Cluster, rules: Rules) -> Iterator[Finding]:
    """Yield the settings that have no effect for any Services, in order of name; these are no mistakes."""
    for pool in rules.pools:
        yield from never_given(pool, Reason.POOL_CONTAINS_PEER_ADDRESS)
    yield from unannounced_pools(cluster, rules)
    if cluster.advertisements:
        yield from _attributes(cluster, rules)
    for advertisement in rules.advertisements:
        yield from _selectors(advertisement, cluster)
        yield from _weights(advertisement, rules)
    sessions = _known_sessions(cluster, rules)
    yield from _nodes(cluster, rules)
    yield from _families(sessions, rules)
    yield from _router_ids(sessions)
    for peer in rules.peers:
        yield from _next_hops(peer, cluster)
        yield from _source_address(peer, cluster)


def _source_address(peer: ActivePeer, cluster: Cluster) -> Iterator[Finding]:
    """Yield a sourceAddress that one selected node has, and others cannot have."""
    source = ip_address(peer.spec.source_address) if peer.spec.source_address else None
    nodes = [node for node in cluster.nodes.values() if is_for(peer, node)] if source else []
    others = sorted(node.name for node in nodes if source not in node.addresses)
    if 0 < len(others) < len(nodes):
        owner = min(node.name for node in nodes if source in node.addresses)
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        message = (
            f"{source} is an address of node {owner}, and the peer selects node {others[0]}{more} too, which cannot use"
            " it: select one node with nodeSelectors, or remove sourceAddress"
        )
        yield Finding("BGPPeer", peer.name, "spec.sourceAddress", Reason.SOURCE_ADDRESS_OF_OTHER_NODE, message)


def _attributes(cluster: Cluster, rules: Rules) -> Iterator[Finding]:
    """Yield attributes that no session of the selected peers carries."""
    for advertisement in rules.advertisements:
        spec, name = advertisement.spec, advertisement.name
        if spec.local_pref is None and not spec.as_path_prepend:
            continue
        internal = internal_of(advertisement, cluster, rules)
        peers = [peer for peer in rules.peers if selects_peer(spec, peer)]
        if spec.local_pref is not None and internal == {False}:
            message = (
                f"has no effect: LOCAL_PREF is sent to iBGP peers only (RFC 4271), and {_peer_kind(peers, 'eBGP')}; use"
                " med, asPathPrepend or a community"
            )
            yield Finding("BGPAdvertisement", name, "spec.localPref", Reason.LOCAL_PREF_ON_EBGP, message)
        if spec.as_path_prepend and internal == {True}:
            message = (
                f"has no effect: AS_PATH is prepended for eBGP peers only (RFC 4271), and {_peer_kind(peers, 'iBGP')};"
                " use localPref, med or a community"
            )
            yield Finding("BGPAdvertisement", name, "spec.asPathPrepend", Reason.PREPEND_ON_IBGP, message)


def _selectors(advertisement: ActiveAdvertisement, cluster: Cluster) -> Iterator[Finding]:
    """Yield label selectors that match no object, such as misspelt ones."""
    spec, name = advertisement.spec, advertisement.name
    for field, selectors, kind, objects in (
        ("ipAddressPoolSelectors", spec.ip_address_pool_selectors, "IPAddressPool", cluster.pools),
        ("nodeSelectors", spec.node_selectors, "Node", cluster.nodes),
        ("peerSelectors", spec.peer_selectors, "BGPPeer", cluster.peers),
    ):
        if selectors and objects and not any(any_matches(selectors, item.labels) for item in objects.values()):
            yield Finding("BGPAdvertisement", name, f"spec.{field}", Reason.SELECTS_NOTHING, _no_match(kind))


def _weights(advertisement: ActiveAdvertisement, rules: Rules) -> Iterator[Finding]:
    """Yield the weight of an advertisement of aggregates only: an aggregate has no endpoints of its own."""
    spec, given = advertisement.spec, _given(advertisement, rules)
    hosts = (spec.aggregation_length == 32 and Family.IPV4 in given) or (
        spec.aggregation_length_v6 == 128 and Family.IPV6 in given
    )
    if spec.weight == "Endpoints" and given and not hosts:
        message = (
            "has no effect: only host routes carry it, and this advertisement announces aggregates only; remove it, or"
            " set it in an advertisement without aggregationLength and aggregationLengthV6"
        )
        yield Finding("BGPAdvertisement", advertisement.name, "spec.weight", Reason.WEIGHT_OF_AGGREGATE, message)


def _nodes(cluster: Cluster, rules: Rules) -> Iterator[Finding]:
    """Yield peers that no node has a session with, except templates: these may exist for other peers only."""
    templates = {peer.spec.template for peer in cluster.peers.values() if peer.spec}
    for peer in rules.peers:
        if (
            cluster.nodes
            and peer.name not in templates
            and not any(is_for(peer, node) for node in cluster.nodes.values())
        ):
            yield Finding("BGPPeer", peer.name, "spec.nodeSelectors", Reason.SELECTS_NOTHING, _no_match("Node"))


def _no_match(kind: str) -> str:
    return f"no {kind} matches this selector: fix the selector or the labels"


def internal_of(advertisement: ActiveAdvertisement, cluster: Cluster, rules: Rules) -> set[bool]:
    """Return the kinds of session that an advertisement selects: True for iBGP, False for eBGP; empty for none."""
    spec = advertisement.spec
    nodes = [node for node in cluster.nodes.values() if any_matches(spec.node_selectors, node.labels)]
    return set().union(*(ibgp_values(peer, nodes) for peer in rules.peers if selects_peer(spec, peer)))


def _peer_kind(peers: list[ActivePeer], kind: str) -> str:
    names = sorted(peer.name for peer in peers)
    if len(names) == 1:
        return f"BGPPeer {names[0]} is an {kind} peer"
    return f"BGPPeers {shorten_names(names, NAMED)} are {kind} peers"


class _Session(NamedTuple):
    """A session of a node with a peer, as far as it is known outside the node."""

    node: Node
    peer: ActivePeer
    terms: SessionParameters


def _known_sessions(cluster: Cluster, rules: Rules) -> list[_Session]:
    sessions = list[_Session]()
    for _, node in sorted(cluster.nodes.items()):
        terms = session_parameters_for(node, rules.peers, LocalNode())
        pairs = ((peer, terms.get(peer.name)) for peer in rules.peers)
        sessions += [_Session(node, peer, item) for peer, item in pairs if isinstance(item, SessionParameters)]
    return sessions


def _families(sessions: list[_Session], rules: Rules) -> Iterator[Finding]:
    """Yield peers for which nodes have routes of a family but no next hop."""
    lacking: dict[tuple[str, str, str], list[str]] = {}
    given = {advertisement.name: _given(advertisement, rules) for advertisement in rules.advertisements}
    for node, peer, terms in sessions:
        requested = (given[item.name] for item in rules.advertisements if advertises_to(item, peer, node))
        for family in set().union(*requested) & {FAMILIES[name] for name in peer.spec.families}:
            hop = next_hop(peer, terms, node, family)
            if isinstance(hop, Refusal):
                lacking.setdefault((peer.name, family.label, hop.message), []).append(node.name)
    for (name, kind, why), nodes in sorted(lacking.items()):
        which = f"node{'s' if len(nodes) > 1 else ''} {shorten_names(nodes, NAMED)}"
        message = f"{which} cannot announce {kind} prefixes: {why}, or remove {kind} from families"
        yield Finding("BGPPeer", name, "spec.families", Reason.NO_NEXT_HOP, message)


def _router_ids(sessions: list[_Session]) -> Iterator[Finding]:
    """Yield BGP identifiers that several nodes use with one peer."""
    users: dict[tuple[str, str, IPv4Address], list[str]] = {}
    for node, peer, terms in sessions:
        field = "spec.routerIDFrom" if peer.spec.router_id_from else "spec.routerID"
        users.setdefault((peer.name, field, terms.router_id), []).append(node.name)
    for (name, field, router_id), nodes in sorted(users.items()):
        if len(nodes) > 1:
            names = shorten_names(nodes, NAMED)
            message = f"nodes {names} have the same BGP identifier {router_id}: give each node its own (RFC 6286)"
            yield Finding("BGPPeer", name, field, Reason.ROUTER_ID_SHARED, message)


def _given(advertisement: ActiveAdvertisement, rules: Rules) -> set[Family]:
    """Return the address families of the pools that an advertisement selects."""
    spec = advertisement.spec
    return {part.family for pool in rules.pools if selects_pool(spec, pool.name, pool.labels) for part in pool.merged}


def _next_hops(peer: ActivePeer, cluster: Cluster) -> Iterator[Finding]:
    """Yield settings for next hops that no session of the peer uses."""
    spec = peer.spec
    carried = {FAMILIES[name] for name in spec.families}
    if spec.next_hop and Family.of(ip_address(spec.next_hop)) not in carried:
        message = f"has no effect: {spec.next_hop} is of a family that the session does not carry; see families"
        yield Finding("BGPPeer", peer.name, "spec.nextHop", Reason.NEXT_HOP_UNUSED, message)
    if spec.extended_next_hop and router_families(peer, cluster.nodes.values()) == {Family.IPV4}:
        message = (
            "has no effect: it is for sessions over IPv6 (RFC 8950), and the router has an IPv4 address; remove it"
        )
        yield Finding("BGPPeer", peer.name, "spec.extendedNextHop", Reason.EXTENDED_NEXT_HOP_UNUSED, message)


def service_warnings(cluster: Cluster, rules: Rules) -> Iterator[Finding]:
    """Yield the settings that have no effect for the present Services: selectors without a match, unused weights."""
    for advertisement in rules.advertisements:
        if advertisement.spec.service_selectors and _selects_no_service(advertisement, cluster):
            field, message = "spec.serviceSelectors", _no_match("Service")
            yield Finding("BGPAdvertisement", advertisement.name, field, Reason.SELECTS_NOTHING, message)
    weighing = [item for item in rules.advertisements if item.spec.weight == "Endpoints"]
    index = PoolIndex(rules.pools) if weighing else None
    for advertisement in weighing:
        if index and _only_cluster_traffic(advertisement, cluster, index):
            message = (
                "has no effect: it counts the endpoints of each node, and all selected Services have"
                " externalTrafficPolicy Cluster; remove it, or set externalTrafficPolicy Local"
            )
            yield Finding(
                "BGPAdvertisement", advertisement.name, "spec.weight", Reason.WEIGHT_NEEDS_LOCAL_TRAFFIC, message
            )


def _selects_no_service(advertisement: ActiveAdvertisement, cluster: Cluster) -> bool:
    selectors, found = advertisement.spec.service_selectors, False
    for service in cluster.services.values():
        if cluster.is_ours(service):
            if any_matches(selectors, service.labels):
                return False
            found = True
    return found


def _only_cluster_traffic(advertisement: ActiveAdvertisement, cluster: Cluster, index: PoolIndex) -> bool:
    spec, found = advertisement.spec, False
    for service in cluster.services.values():
        if service.held and cluster.is_ours(service) and any_matches(spec.service_selectors, service.labels):
            pools = filter(None, map(index.find, service.held))
            if any(selects_pool(spec, pool.name, pool.labels) for pool in pools):
                if service.local_traffic:
                    return False
                found = True
    return found
