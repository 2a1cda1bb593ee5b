"""What pools, advertisements and peers ask for in vain: lawful, in force, and without effect. Pure."""

from collections.abc import Iterator

from exalb.advertising import selects_peer
from exalb.cluster import Cluster
from exalb.host import Host
from exalb.peering import FAMILIES, NAMED, PeerInForce, Terms, are_internal, owners_of, terms_on
from exalb.reasons import Invalid, Reason
from exalb.resources.common import any_matches
from exalb.sessions import next_hop
from exalb.validity import InForce, never_given
from exalb_bgp.session import Family


def in_vain(cluster: Cluster, rules: InForce) -> Iterator[Invalid]:
    """Yield what has no effect, in order of name; it is no mistake, and nobody need be refused for it."""
    for pool in rules.pools:
        yield from never_given(pool, Reason.POOL_HOLDS_PEER)
    if cluster.advertisements:
        yield from _attributes(cluster, rules)
    yield from _families(cluster, rules)


def _attributes(cluster: Cluster, rules: InForce) -> Iterator[Invalid]:
    """Yield attributes that no session of the selected peers carries."""
    for advertisement in rules.advertisements:
        spec, name = advertisement.spec, advertisement.name
        peers = [peer for peer in rules.peers if selects_peer(spec, peer)]
        if not peers or (spec.local_pref is None and not spec.as_path_prepend):
            continue
        there = [node for node in cluster.nodes.values() if any_matches(spec.node_selectors, node.labels)]
        internal = set().union(*(are_internal(peer, there) for peer in peers))
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


def _named(peers: list[PeerInForce], which: str) -> str:
    names = sorted(peer.name for peer in peers)
    if len(names) == 1:
        return f"BGPPeer {names[0]} is in {which}"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"BGPPeers {', '.join(names[:3])}{more} are in {'others' if which == 'another' else which}"


def _families(cluster: Cluster, rules: InForce) -> Iterator[Invalid]:
    """Yield peers that shall be told of a family which pools have, by nodes that have no next hop for it."""
    given = {Family.IPV4 if part.version == 4 else Family.IPV6 for pool in rules.pools for part in pool.merged}
    lacking: dict[tuple[str, Family], list[str]] = {}
    owners = owners_of(cluster.nodes)
    for name, node in sorted(cluster.nodes.items()):
        terms = terms_on(node, rules.peers, Host(), owners)
        for peer in rules.peers:
            session = terms.get(peer.name)
            for family in given & {FAMILIES[one] for one in peer.spec.families}:
                if isinstance(session, Terms) and not next_hop(peer, session.peer_address, node, family)[0]:
                    lacking.setdefault((peer.name, family), []).append(name)
    for (name, family), nodes in sorted(lacking.items(), key=lambda one: (one[0][0], one[0][1].value)):
        kind = "IPv4" if family is Family.IPV4 else "IPv6"
        more = f" and {len(nodes) - NAMED} more" if len(nodes) > NAMED else ""
        which = f"node{'s' if len(nodes) > 1 else ''} {', '.join(nodes[:NAMED])}{more}"
        message = (
            f"{kind} prefixes are not told by {which}, for want of a next hop: give the node an {kind} address, or the"
            f" peer a nextHop, or leave {kind} out"
        )
        yield Invalid("BGPPeer", name, "spec.families", Reason.NO_NEXT_HOP, message)
