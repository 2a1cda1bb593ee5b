"""The BGP session of a node with a peer, and the next hop of what is told on it. Pure."""

from ipaddress import ip_address

from exalb.cluster import Node
from exalb.peering import FAMILIES, FAMILY_NAMES, PeerInForce, Terms
from exalb.resources.peer_parts import is_link_local
from exalb_bgp.rib import Address
from exalb_bgp.session import BGP_PORT, Family, Session


def session_of(peer: PeerInForce, terms: Terms) -> Session:
    """Return the session of a node with `peer` on its `terms`."""
    spec = peer.spec
    is_ebgp = terms.local_asn != terms.peer_asn
    return Session(
        peer=peer.name,
        peer_address=terms.peer_address,
        local_asn=terms.local_asn,
        peer_asn=terms.peer_asn,
        router_id=terms.router_id,
        local_address=terms.local_address,
        peer_port=spec.peer_port,
        hold_time=spec.hold_time,
        password=peer.password,
        source_interface=spec.source_interface or terms.interface,
        # eBGP is spoken between neighbours unless somebody says otherwise (RFC 4271 §5.1.3).
        ebgp_multihop=1 if is_ebgp and not spec.ebgp_multi_hop and not spec.ttl_security else None,
        ttl_security=spec.ttl_security,
        graceful_restart=spec.graceful_restart.restart_time if spec.graceful_restart.enabled else None,
        families=frozenset(FAMILIES[name] for name in spec.families),
        passive=spec.passive,
        listen_port=spec.local_port or BGP_PORT,
        extended_next_hop=spec.extended_next_hop and terms.peer_address.version == 6,
    )


def next_hop(peer: PeerInForce, router: Address, node: Node, family: Family) -> Address | str | None:
    """Return the next hop for prefixes of `family`, None for the session's own address, or what helps for want of one.

    A session of the other family has no address for them, and a link-local one none that others can use: the peer's
    `nextHop` or the node's own address serves. Over IPv6, IPv4 prefixes may have IPv6 next hops (RFC 8950). No router
    takes a route through itself (RFC 4271 §5.1.3).
    """
    own = Family.of(router)
    of = Family.IPV6 if peer.spec.extended_next_hop and own is Family.IPV6 else family
    if peer.spec.next_hop:
        given = ip_address(peer.spec.next_hop)
        if Family.of(given) in (family, of):
            message = f"nextHop {given} is the router itself, which takes no route through itself: name another"
            return message if given == router else given
    if own is of and not is_link_local(router):
        return None
    return (
        node.address_of(of)
        or f"give the node an {FAMILY_NAMES[of]} address that the router can reach, or the peer a nextHop"
    )
