"""Makes the BGP session of a node with a peer, and chooses the next hop of its routes. Pure."""

from ipaddress import ip_address
from typing import NamedTuple

from exalb.api.peer_fields import is_host_address
from exalb.api.reasons import Reason, Refusal
from exalb.model.cluster import Node
from exalb.validation.peers import ActivePeer
from exalb.validation.session_parameters import SessionParameters
from exalb_bgp.rib import Address
from exalb_bgp.session import BGP_PORT, FAMILIES, Family, Session


class NextHop(NamedTuple):
    """The next hop of the prefixes of one family in one session."""

    address: Address | None
    """None is the session's own local address."""


def session_of(peer: ActivePeer, parameters: SessionParameters) -> Session:
    """Return the session of a node with `peer`."""
    spec = peer.spec
    is_ebgp = parameters.local_asn != parameters.peer_asn
    return Session(
        peer=peer.name,
        peer_address=parameters.peer_address,
        local_asn=parameters.local_asn,
        peer_asn=parameters.peer_asn,
        router_id=parameters.router_id,
        local_address=parameters.local_address,
        peer_port=spec.peer_port,
        hold_time=spec.hold_time,
        password=peer.password,
        source_interface=spec.source_interface or parameters.interface,
        # eBGP peers are directly connected unless the spec says otherwise (RFC 4271 §5.1.3).
        ebgp_multihop=1 if is_ebgp and not spec.ebgp_multi_hop and not spec.ttl_security else None,
        ttl_security=spec.ttl_security,
        graceful_restart=spec.graceful_restart.restart_time if spec.graceful_restart.enabled else None,
        families=frozenset(FAMILIES[name] for name in spec.families),
        passive=spec.passive,
        listen_port=spec.local_port or BGP_PORT,
        extended_next_hop=spec.extended_next_hop and parameters.peer_address.version == 6,
    )


def next_hop(peer: ActivePeer, parameters: SessionParameters, node: Node, family: Family) -> NextHop | Refusal:
    """Return the next hop for prefixes of `family`, or why there is none.

    The session's own address serves if it is of that family and if a router can send packets to it; a session with a
    router on the node itself, over 127.0.0.1 or ::1, has no such address, nor has a link-local one. Then the peer's
    `nextHop` or the node's InternalIP serves. Over IPv6, IPv4 prefixes may have IPv6 next hops (RFC 8950). No router
    accepts a route through itself (RFC 4271 §5.1.3).
    """
    router = parameters.peer_address
    of = Family.IPV6 if peer.spec.extended_next_hop and router.version == 6 else family
    given = ip_address(peer.spec.next_hop) if peer.spec.next_hop else None
    if given and Family.of(given) in (family, of):
        problem = "is the router itself, which accepts no route through itself" if given == router else ""
        problem = problem or ("" if is_host_address(given) else "is not the address of a host")
        return _refusal(peer, family, f"nextHop {given} {problem}: set another") if problem else NextHop(given)
    if Family.of(router) is of and is_host_address(parameters.local_address or router):
        return NextHop(None)
    address = node.address_of(of)
    if address:
        return NextHop(address)
    help_text = f"give the node an {of.label} InternalIP that the router can reach, or set nextHop of the peer"
    return _refusal(peer, family, help_text)


def _refusal(peer: ActivePeer, family: Family, help_text: str) -> Refusal:
    message = f"no next hop for {family.label} prefixes to BGPPeer {peer.name}: {help_text}"
    return Refusal(Reason.NO_NEXT_HOP, message)
