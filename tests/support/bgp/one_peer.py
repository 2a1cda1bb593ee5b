"""One peer by hand: its goal, the UPDATEs that ExaBGP reports, and the steps that follow."""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_network

from exalb_bgp.events import Negotiated, Snapshot, UpdateSent
from exalb_bgp.paths import resolve
from exalb_bgp.peer_sync import PeerSync
from exalb_bgp.rib import Attributes, Prefix, Rib
from exalb_bgp.session import Family, Session, State
from exalb_bgp.steps import Announce, Step

NODE = IPv4Address("10.77.0.11")
SESSION = Session("tor", IPv4Address("10.77.0.100"), 64512, 64513, NODE, families=frozenset({Family.IPV4}))
BOTH = replace(SESSION, families=frozenset(Family))
P1, P2, P3 = (ip_network(f"198.51.100.{number}/32") for number in (1, 2, 3))
V6 = ip_network("2001:db8:100::1/128")
HOP6 = IPv6Address("2001:db8::11")
A, B = Attributes(med=1), Attributes(med=2)
A6, B6 = (replace(attributes, next_hop=HOP6) for attributes in (A, B))
"""As A and B, for an IPv6 prefix."""


def table(size: int, attributes: Attributes, first: str = "10.0.0.0") -> dict[Prefix, Attributes]:
    """Return so many host routes, one after the other."""
    return {ip_network((int(IPv4Address(first)) + number, 32)): attributes for number in range(size)}


def peer(rib: Rib, session: Session = SESSION, families: Iterable[Family] | None = None) -> PeerSync:
    """Return an Established peer without announced routes."""
    peer_sync = PeerSync(session)
    peer_sync.negotiate(negotiated(session.families if families is None else families))
    peer_sync.set_desired(session, rib)
    peer_sync.establish()
    return peer_sync


def adopted(rib: Rib, held: Rib, completed: Iterable[Family], session: Session = SESSION) -> PeerSync:
    """Return a peer of an engine that was running before, with these routes and this End-of-RIB."""
    peer_sync = PeerSync(session)
    peer_sync.set_desired(session, rib)
    paths = {prefix: resolve(attributes, attributes.next_hop or NODE, session) for prefix, attributes in held.items()}
    peer_sync.adopt(up(completed, session.families), paths)
    return peer_sync


def negotiated(families: Iterable[Family]) -> Negotiated:
    """Return the event of a negotiation."""
    return Negotiated(SESSION.peer_address, NODE, frozenset(families), False)


def up(completed: Iterable[Family] = (), families: Iterable[Family] = SESSION.families) -> Snapshot:
    """Return the state of an Established session as read from an engine."""
    peer_address = SESSION.peer_address
    return Snapshot(peer_address, State.ESTABLISHED, NODE, frozenset(families), False, completed=frozenset(completed))


def shown(attributes: Attributes, *prefixes: Prefix) -> UpdateSent:
    """Return the event of an announcement that was written."""
    return UpdateSent(SESSION.peer_address, ((resolve(attributes, attributes.next_hop or NODE, SESSION), prefixes),))


def withdrawn(*prefixes: Prefix) -> UpdateSent:
    """Return the event of a withdrawal that was written."""
    return UpdateSent(SESSION.peer_address, withdrawn=prefixes)


def steps(peer_sync: PeerSync) -> list[Step]:
    """Return the next steps, which are then in flight."""
    return list(peer_sync.steps())


def announce(attributes: Attributes, *prefixes: Prefix, session: Session = SESSION) -> Announce:
    """Return the step that announces prefixes."""
    return Announce(session, resolve(attributes, attributes.next_hop or NODE, session), prefixes)
