"""What an advertisement asks for in vain: lawful, in force, and without effect. Pure."""

from collections.abc import Iterable, Iterator

from exalb.advertising import selects_peer
from exalb.cluster import Cluster, Node
from exalb.peering import PeerInForce, are_in_one_as
from exalb.reasons import Invalid, Reason
from exalb.resources.common import any_matches
from exalb.validity import AdvertisementInForce, InForce


def in_vain(cluster: Cluster, rules: InForce) -> Iterator[Invalid]:
    """Yield what has no effect, in order of name; it is no mistake, and nobody need be refused for it."""
    if not cluster.advertisements:
        return
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
