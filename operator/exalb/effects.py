"""What pools, advertisements and peers ask for in vain: lawful, in force, and without effect. Pure."""

from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address
from typing import NamedTuple

from exalb.advertising import advertises_to, selects_peer
from exalb.cluster import Cluster, Node
from exalb.host import Host
from exalb.peering import (
    FAMILIES,
    NAMED,
    PeerInForce,
    Terms,
    are_internal,
    is_for,
    owners_of,
    router_families,
    terms_on,
)
from exalb.reasons import Invalid, Reason
from exalb.resources.common import any_matches
from exalb.sessions import next_hop
from exalb.validity import AdvertisementInForce, InForce, PoolIndex, never_given, selects_pool
from exalb_bgp.session import Family


def in_vain(cluster: Cluster, rules: InForce) -> Iterator[Invalid]:
    """Yield what has no effect whatever the Services, in order of name; it is no mistake."""
    for pool in rules.pools:
        yield from never_given(pool, Reason.POOL_HOLDS_PEER)
    if cluster.advertisements:
        yield from _attributes(cluster, rules)
    for advertisement in rules.advertisements:
        yield from _selectors(advertisement, cluster)
        yield from _weights(advertisement, rules)
    sessions = _sessions(cluster, rules)
    yield from _nodes(cluster, rules)
    yield from _families(sessions, rules)
    yield from _router_ids(sessions)
    for peer in rules.peers:
        yield from _next_hops(peer, cluster)


def _attributes(cluster: Cluster, rules: InForce) -> Iterator[Invalid]:
    """Yield attributes that no session of the selected peers carries."""
    for advertisement in rules.advertisements:
        spec, name = advertisement.spec, advertisement.name
        if spec.local_pref is None and not spec.as_path_prepend:
            continue
        internal = internal_of(advertisement, cluster, rules)
        peers = [peer for peer in rules.peers if selects_peer(spec, peer)]
        if spec.local_pref is not None and internal == {False}:
            message = (
                f"has no effect: LOCAL_PREF is told inside an AS only (RFC 4271), and {_named(peers, 'another')}; use"
                " med, asPathPrepend or a community"
            )
            yield Invalid("BGPAdvertisement", name, "spec.localPref", Reason.LOCAL_PREF_ON_EBGP, message)
        if spec.as_path_prepend and internal == {True}:
            message = (
                f"has no effect: an AS is put into AS_PATH only towards others (RFC 4271), and {_named(peers, 'this')};"
                " use localPref, med or a community"
            )
            yield Invalid("BGPAdvertisement", name, "spec.asPathPrepend", Reason.PREPEND_ON_IBGP, message)


def _selectors(advertisement: AdvertisementInForce, cluster: Cluster) -> Iterator[Invalid]:
    """Yield label selectors that match nothing of what is there, as misspelt ones do."""
    spec, name = advertisement.spec, advertisement.name
    for field, selectors, kind, there in (
        ("ipAddressPoolSelectors", spec.ip_address_pool_selectors, "IPAddressPool", cluster.pools),
        ("nodeSelectors", spec.node_selectors, "Node", cluster.nodes),
        ("peerSelectors", spec.peer_selectors, "BGPPeer", cluster.peers),
    ):
        if selectors and there and not any(any_matches(selectors, one.labels) for one in there.values()):
            yield Invalid("BGPAdvertisement", name, f"spec.{field}", Reason.SELECTS_NOTHING, _no_match(kind))


def _weights(advertisement: AdvertisementInForce, rules: InForce) -> Iterator[Invalid]:
    """Yield the weight of an advertisement that tells aggregates alone: the endpoints of one Service are not theirs."""
    spec, given = advertisement.spec, _given(advertisement, rules)
    hosts = (spec.aggregation_length == 32 and Family.IPV4 in given) or (
        spec.aggregation_length_v6 == 128 and Family.IPV6 in given
    )
    if spec.weight == "Endpoints" and given and not hosts:
        message = (
            "has no effect: it is told with host routes, and the advertisement tells aggregates alone; leave it out, or"
            " set it in one without aggregationLength and aggregationLengthV6"
        )
        yield Invalid("BGPAdvertisement", advertisement.name, "spec.weight", Reason.WEIGHT_OF_AGGREGATE, message)


def _nodes(cluster: Cluster, rules: InForce) -> Iterator[Invalid]:
    """Yield peers that no node has a session with; one that others take from may be there for them alone."""
    templates = {peer.spec.template for peer in cluster.peers.values() if peer.spec}
    for peer in rules.peers:
        if (
            cluster.nodes
            and peer.name not in templates
            and not any(is_for(peer, one) for one in cluster.nodes.values())
        ):
            yield Invalid("BGPPeer", peer.name, "spec.nodeSelectors", Reason.SELECTS_NOTHING, _no_match("Node"))


def _no_match(kind: str) -> str:
    return f"no {kind} that is there has such labels: mend them here or there"


def internal_of(advertisement: AdvertisementInForce, cluster: Cluster, rules: InForce) -> set[bool]:
    """Tell whether the sessions that an advertisement selects are internal to an AS (iBGP); of none it is neither."""
    spec = advertisement.spec
    there = [node for node in cluster.nodes.values() if any_matches(spec.node_selectors, node.labels)]
    return set().union(*(are_internal(peer, there) for peer in rules.peers if selects_peer(spec, peer)))


def _named(peers: list[PeerInForce], which: str) -> str:
    names = sorted(peer.name for peer in peers)
    if len(names) == 1:
        return f"BGPPeer {names[0]} is in {which}"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"BGPPeers {', '.join(names[:3])}{more} are in {'others' if which == 'another' else which}"


class _Session(NamedTuple):
    """What a node shall have with a peer, as far as its speaker need not see it."""

    node: Node
    peer: PeerInForce
    terms: Terms


def _sessions(cluster: Cluster, rules: InForce) -> list[_Session]:
    owners, found = owners_of(cluster.nodes), list[_Session]()
    for _, node in sorted(cluster.nodes.items()):
        terms = terms_on(node, rules.peers, Host(), owners)
        pairs = ((peer, terms.get(peer.name)) for peer in rules.peers)
        found += [_Session(node, peer, its) for peer, its in pairs if isinstance(its, Terms)]
    return found


def _families(sessions: list[_Session], rules: InForce) -> Iterator[Invalid]:
    """Yield peers that shall be told of a family by nodes that have no next hop for it."""
    lacking: dict[tuple[str, str, str], list[str]] = {}
    given = {advertisement.name: _given(advertisement, rules) for advertisement in rules.advertisements}
    for node, peer, terms in sessions:
        asked = (given[one.name] for one in rules.advertisements if advertises_to(one, peer, node))
        for family in set().union(*asked) & {FAMILIES[one] for one in peer.spec.families}:
            hop = next_hop(peer, terms.peer_address, node, family)
            if isinstance(hop, str):
                kind = "IPv4" if family is Family.IPV4 else "IPv6"
                lacking.setdefault((peer.name, kind, hop), []).append(node.name)
    for (name, kind, what_helps), nodes in sorted(lacking.items()):
        which = f"node{'s' if len(nodes) > 1 else ''} {_few(nodes)}"
        message = f"{kind} prefixes are not told by {which}, for want of a next hop: {what_helps}, or leave {kind} out"
        yield Invalid("BGPPeer", name, "spec.families", Reason.NO_NEXT_HOP, message)


def _few(nodes: list[str]) -> str:
    return ", ".join(nodes[:NAMED]) + (f" and {len(nodes) - NAMED} more" if len(nodes) > NAMED else "")


def _router_ids(sessions: list[_Session]) -> Iterator[Invalid]:
    """Yield BGP identifiers that a peer hears from several nodes."""
    heard: dict[tuple[str, str, IPv4Address], list[str]] = {}
    for node, peer, terms in sessions:
        field = "spec.routerIDFrom" if peer.spec.router_id_from else "spec.routerID"
        heard.setdefault((peer.name, field, terms.router_id), []).append(node.name)
    for (name, field, router_id), nodes in sorted(heard.items()):
        if len(nodes) > 1:
            message = f"{router_id} is that of nodes {_few(nodes)}: each needs its own (RFC 6286)"
            yield Invalid("BGPPeer", name, field, Reason.ROUTER_ID_SHARED, message)


def _given(advertisement: AdvertisementInForce, rules: InForce) -> set[Family]:
    """Return of which families the pools of an advertisement have addresses."""
    spec = advertisement.spec
    return {part.family for pool in rules.pools if selects_pool(spec, pool.name, pool.labels) for part in pool.merged}


def _next_hops(peer: PeerInForce, cluster: Cluster) -> Iterator[Invalid]:
    """Yield what a peer says of next hops that no session of its has a use for."""
    spec = peer.spec
    carried = {FAMILIES[one] for one in spec.families}
    if spec.next_hop and Family.of(ip_address(spec.next_hop)) not in carried:
        message = f"has no effect: {spec.next_hop} is of a family that the session does not carry; see families"
        yield Invalid("BGPPeer", peer.name, "spec.nextHop", Reason.NEXT_HOP_UNUSED, message)
    if spec.extended_next_hop and router_families(peer, cluster.nodes.values()) == {Family.IPV4}:
        message = "has no effect: it is for sessions over IPv6 (RFC 8950), and the router's address is an IPv4 one"
        yield Invalid("BGPPeer", peer.name, "spec.extendedNextHop", Reason.EXTENDED_NEXT_HOP_UNUSED, message)


def in_vain_now(cluster: Cluster, rules: InForce) -> Iterator[Invalid]:
    """Yield what has no effect as the Services are now: selectors that match none, weights that none can have."""
    for advertisement in rules.advertisements:
        if advertisement.spec.service_selectors and _selects_no_service(advertisement, cluster):
            field, message = "spec.serviceSelectors", _no_match("Service")
            yield Invalid("BGPAdvertisement", advertisement.name, field, Reason.SELECTS_NOTHING, message)
    weighing = [one for one in rules.advertisements if one.spec.weight == "Endpoints"]
    index = PoolIndex(rules.pools) if weighing else None
    for advertisement in weighing:
        if index and _only_cluster_traffic(advertisement, cluster, index):
            message = (
                "has no effect: it counts a node's own endpoints, and all Services that it selects have"
                " externalTrafficPolicy Cluster"
            )
            yield Invalid("BGPAdvertisement", advertisement.name, "spec.weight", Reason.WEIGHT_OF_CLUSTER, message)


def _selects_no_service(advertisement: AdvertisementInForce, cluster: Cluster) -> bool:
    selectors, found = advertisement.spec.service_selectors, False
    for service in cluster.services.values():
        if cluster.is_ours(service):
            if any_matches(selectors, service.labels):
                return False
            found = True
    return found


def _only_cluster_traffic(advertisement: AdvertisementInForce, cluster: Cluster, index: PoolIndex) -> bool:
    spec, found = advertisement.spec, False
    for service in cluster.services.values():
        if service.held and cluster.is_ours(service) and any_matches(spec.service_selectors, service.labels):
            pools = filter(None, map(index.find, service.held))
            if any(selects_pool(spec, pool.name, pool.labels) for pool in pools):
                if service.local_traffic:
                    return False
                found = True
    return found
