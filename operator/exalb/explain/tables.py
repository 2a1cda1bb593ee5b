"""The rows of `exalb peers`, `exalb routes` and `exalb pools`. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from exalb.announcement.adj_rib_out import SessionPlan
from exalb.announcement.eligibility import host_route
from exalb.api.address_ranges import prefix_order
from exalb.api.community_values import WELL_KNOWN
from exalb.api.reasons import Refusal
from exalb.explain.announcements import related
from exalb.explain.answer import names
from exalb.explain.l2 import holders, refusal_of
from exalb.explain.observed import Observed
from exalb.explain.sessions import SessionState, grouped, planned_sessions, session_state, without_services
from exalb.model.cluster import Key
from exalb_bgp.rib import Attributes, Prefix

_NAMES = {community: name for name, community in reversed(WELL_KNOWN.items())}


@dataclass(frozen=True, slots=True)
class PeerRow:
    """One session of one node."""

    node: str
    peer: str
    address: str
    asn: str
    state: str
    bfd: str
    """The state of the BFD session; empty where the peer asks for none."""
    since: str
    sent: int
    wanted: int
    error: str
    is_good: bool


@dataclass(frozen=True, slots=True)
class RouteRow:
    """One prefix in one state, at all sessions where it is in that state."""

    prefix: str
    services: tuple[str, ...]
    status: str
    """`sent`, `not sent` or `withheld`."""
    reason: str
    message: str
    attributes: str
    nodes: tuple[str, ...]
    peers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PoolRow:
    """One family of one pool."""

    pool: str
    family: str
    assigned: int
    capacity: int
    holders: tuple[str, ...]
    """Services with an address of the pool, as `namespace/name address`."""


def peer_rows(observed: Observed) -> Iterator[PeerRow]:
    """Yield every session that some node should have, by node and peer."""
    for node, plan in planned_sessions(observed, without_services(observed)):
        yield _peer_row(node, plan, session_state(observed, node, plan))


def _peer_row(node: str, plan: SessionPlan, state: SessionState) -> PeerRow:
    report, session, wrong = state.report, plan.session, state.refusal or state.flap
    return PeerRow(
        node=node,
        peer=plan.peer,
        address=str(session.peer_address) if session else "",
        asn=str(session.peer_asn) if session else "",
        state=report.state.value if report else "Unknown",
        bfd=report.bfd.state if report and report.bfd else "",
        since=state.since,
        sent=report.prefixes_sent if report else 0,
        wanted=report.prefixes_wanted if report else 0,
        error=f"{wrong.reason.value}: {wrong.message}" if wrong else "",
        is_good=wrong is None,
    )


def route_rows(observed: Observed, only: Key | Prefix | None = None) -> Iterator[RouteRow]:
    """Yield the routes of all nodes, those of one Service, or those within one prefix; equal ones share a row."""
    cluster = observed.cluster
    if isinstance(only, Key):
        service = cluster.services.get(only)
        cluster = related(observed, service) if service else without_services(observed)
    found: dict[tuple[Prefix, tuple[str, ...], str, str], list[SessionState]] = {}
    for node, plan in planned_sessions(observed, cluster):
        state = session_state(observed, node, plan)
        for prefix, services, status, attributes, refusal in _of_session(plan, state):
            if _is_asked(only, prefix, services):
                found.setdefault((prefix, services, status, attributes), []).append(state._replace(refusal=refusal))
    for key in sorted(found, key=lambda key: (prefix_order(key[0]), key[1:])):
        prefix, services, status, attributes = key
        for group in grouped(found[key]):
            reason = group.refusal.reason.value if group.refusal else ""
            message = group.refusal.message if group.refusal else ""
            yield RouteRow(str(prefix), services, status, reason, message, attributes, group.nodes, group.peers)
    yield from _l2_rows(observed, only)


def _l2_rows(observed: Observed, only: Key | Prefix | None) -> Iterator[RouteRow]:
    """Yield the addresses that nodes announce on their LANs, or should."""
    for address, planned in sorted(observed.l2.addresses.items(), key=lambda item: prefix_order(host_route(item[0]))):
        prefix, services = host_route(address), tuple(map(str, planned.services))
        if not _is_asked(only, prefix, services):
            continue
        found, refusal = holders(observed, address), refusal_of(observed, address, planned)
        status, nodes = ("sent" if found else "withheld"), tuple(holder.node for holder in found)
        reason, message = (refusal.reason.value, refusal.message) if refusal else ("", "")
        on = " ".join(f"dev={name}" for name in dict.fromkeys(name for holder in found for name in holder.interfaces))
        yield RouteRow(str(prefix), services, status, reason, message, on, nodes, ("L2",))


def _of_session(
    plan: SessionPlan, state: SessionState
) -> Iterator[tuple[Prefix, tuple[str, ...], str, str, Refusal | None]]:
    for prefix, route in plan.routes.items():
        status = "not sent" if state.refusal else "sent"
        yield prefix, route.services, status, attributes_text(route.attributes), state.refusal
    for (key, prefix), refusal in plan.withheld.items():
        yield prefix, (str(key),), "withheld", "", refusal


def _is_asked(only: Key | Prefix | None, prefix: Prefix, services: Iterable[str]) -> bool:
    if only is None:
        return True
    if isinstance(only, Key):
        return str(only) in services
    return only.version == prefix.version and (only.overlaps(prefix))


def attributes_text(attributes: Attributes) -> str:
    """Return path attributes as text; well-known communities have their names."""
    single = (("local-pref", attributes.local_pref), ("med", attributes.med))
    parts = [f"{name}={value}" for name, value in single if value is not None]
    parts += [f"prepend={attributes.as_path_prepend}"] if attributes.as_path_prepend else []
    parts += [f"via={attributes.next_hop}"] if attributes.next_hop else []
    parts += [_NAMES.get(community, str(community)) for community in attributes.communities]
    parts += [f"large:{community}" for community in attributes.large_communities]
    return " ".join([*parts, *map(str, attributes.extended_communities)])


def pool_rows(observed: Observed) -> Iterator[PoolRow]:
    """Yield how full each pool is, and which Services have its addresses."""
    holders: dict[tuple[str, int], list[str]] = {}
    for key, outcome in sorted(observed.allocation.outcomes.items()):
        for address, pool in zip(outcome.addresses, outcome.pools, strict=True):
            holders.setdefault((pool, address.version), []).append(f"{key} {address}")
    for (pool, family), use in sorted(observed.allocation.use.items(), key=lambda item: (item[0][0], item[0][1].value)):
        version = 4 if family.label == "IPv4" else 6
        listed = tuple(holders.get((pool, version), ()))
        yield PoolRow(pool, family.label, use.assigned, use.capacity, listed)


BAR = 20
"""The length of a bar."""


def bar(assigned: int, capacity: int) -> str:
    """Return how full a pool is as a bar; one address fills a part of it, and only a full pool all of it."""
    filled = 0 if not assigned else BAR if assigned >= capacity else max(1, assigned * BAR // capacity)
    return "#" * filled + "." * (BAR - filled)


def nodes_text(nodes: tuple[str, ...], *, wide: bool) -> str:
    """Return nodes as a count, or the names of all."""
    return " ".join(nodes) if wide else names(nodes)
