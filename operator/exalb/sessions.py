"""Which BGP sessions a node has, from the peers in force and the node itself. Pure."""

from ipaddress import IPv4Address, ip_address
from zlib import crc32

from exalb.cluster import Node
from exalb.resources.common import any_matches
from exalb.validity import PeerInForce
from exalb_bgp.rib import Address
from exalb_bgp.session import Family, Session

FAMILIES = {"IPv4": Family.IPV4, "IPv6": Family.IPV6}


def is_for(peer: PeerInForce, node: Node) -> bool:
    """Tell whether `node` opens a session with `peer`."""
    return any_matches(peer.spec.node_selectors, node.labels)


def session_of(peer: PeerInForce, node: Node) -> Session:
    """Return the session of `node` with `peer`."""
    spec = peer.spec
    is_ebgp = spec.my_asn != spec.peer_asn
    return Session(
        peer=peer.name,
        peer_address=ip_address(spec.peer_address),
        local_asn=spec.my_asn,
        peer_asn=spec.peer_asn,
        router_id=IPv4Address(spec.router_id) if spec.router_id else _router_id(node),
        local_address=ip_address(spec.source_address) if spec.source_address else None,
        peer_port=spec.peer_port,
        hold_time=spec.hold_time,
        password=peer.password,
        source_interface=spec.source_interface,
        # eBGP is spoken between neighbours unless somebody says otherwise (RFC 4271 §5.1.3).
        ebgp_multihop=1 if is_ebgp and not spec.ebgp_multi_hop and not spec.ttl_security else None,
        ttl_security=spec.ttl_security,
        graceful_restart=spec.graceful_restart.restart_time if spec.graceful_restart.enabled else None,
        families=frozenset(FAMILIES[name] for name in spec.families),
    )


def _router_id(node: Node) -> IPv4Address:
    """Return the node's IPv4 address; where it has none, a number that is the same at each start (RFC 6286 §2.1)."""
    address = node.address_of(Family.IPV4)
    return address if isinstance(address, IPv4Address) else IPv4Address(crc32(node.name.encode()) or 1)


def next_hop(peer: PeerInForce, node: Node, family: Family) -> tuple[bool, Address | None]:
    """Return whether there is a next hop for prefixes of `family` on the session, and which; None is the session's own.

    A session of the other family has no address for them: the peer's `nextHop` or the node's own address serves.
    """
    if peer.spec.next_hop:
        given = ip_address(peer.spec.next_hop)
        if (given.version == 4) == (family is Family.IPV4):
            return True, given
    if (ip_address(peer.spec.peer_address).version == 4) == (family is Family.IPV4):
        return True, None
    address = node.address_of(family)
    return address is not None, address
