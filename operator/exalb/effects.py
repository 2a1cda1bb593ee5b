"""What advertisements and peers ask for in vain: lawful, in force, and without effect. Pure."""

from collections.abc import Iterable, Iterator

from exalb.advertising import selects_peer
from exalb.cluster import Cluster, Node
from exalb.host import Host
from exalb.peering import FAMILIES, NAMED, PeerInForce, Terms, are_in_one_as, owners_of, terms_on
from exalb.reasons import Invalid, Reason
from exalb.resources.common import any_matches
from exalb.sessions import next_hop
from exalb.validity import AdvertisementInForce, InForce
from exalb_bgp.session import Family


def in_vain(cluster: Cluster, rules: InForce) -> Iterator[Invalid]:
    """Yield what has no effect, in order of name; it is no mistake, and nobody need be refused for it."""
    if cluster.advertisements:
        yield from _local_prefs(cluster, rules)
    yield from _families(cluster, rules)


def _local_prefs(cluster: Cluster, rules: InForce) -> Iterator[Invalid]:
    for advertisement in rules.advertisements:
        spec = advertisement.spec
        peers = [peer for peer in rules.peers if selects_peer(spec, peer)]
        if spec.local_pref is not None and peers and not _has_ibgp(advertisement, peers, cluster.nodes.values()):
            message = (
                f"has no effect: LOCAL_PREF is told inside an AS only (RFC 4271), and {_named(peers)}; use med,"
                " asPathPrepend or a community"
            )
            yield Invalid("BGPAdvertisement", advertisement.name, "spec.localPref", Reason.LOCAL_PREF_ON_EBGP, message)


def _has_ibgp(advertisement: AdvertisementInForce, peers: Iterable[PeerInForce], nodes: Iterable[Node]) -> bool:
    there = [node for node in nodes if any_matches(advertisement.spec.node_selectors, node.labels)]
    return any(are_in_one_as(peer, there) for peer in peers)


def _named(peers: list[PeerInForce]) -> str:
    names = sorted(peer.name for peer in peers)
    if len(names) == 1:
        return f"BGPPeer {names[0]} is in another"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"BGPPeers {', '.join(names[:3])}{more} are in others"


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
