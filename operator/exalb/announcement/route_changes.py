"""Compares two plans of a node: the routes that are announced or withdrawn from one to the other. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from exalb.announcement.adj_rib_out import SessionPlan
from exalb.announcement.attributes import Route
from exalb.announcement.planner import NodePlan
from exalb.api.address_ranges import prefix_order
from exalb.api.reasons import Reason, Refusal
from exalb.model.cluster import Key
from exalb.model.diff import changed_keys
from exalb_bgp.rib import Prefix

NAMED_ROUTES = 50
"""Up to so many changes of one session in one plan are named one by one; beyond, they are counted."""


@dataclass(frozen=True, slots=True)
class RouteChange:
    """One prefix that a node announces to a peer from now on, or withdraws."""

    peer: str
    prefix: Prefix
    announced: bool
    services: tuple[str, ...]
    """The Services that it is, or was, announced for, by key."""
    reason: Reason | None = None
    """Of a withdrawn route: why the address is withheld now; None where the Service no longer has the address."""
    message: str = ""


@dataclass(frozen=True, slots=True)
class RouteCounts:
    """The number of changes in one session where they are too many to name."""

    peer: str
    announced: int
    withdrawn: int


def route_changes(before: NodePlan | None, after: NodePlan) -> Iterator[RouteChange | RouteCounts]:
    """Yield how the routes of each session changed, by peer and prefix; a first plan is counted, not named.

    Changes of attributes alone are not among them.
    """
    earlier: Mapping[str, SessionPlan] = before.sessions if before else {}
    for peer in sorted(earlier.keys() | after.sessions.keys()):
        old, new = earlier.get(peer), after.sessions.get(peer)
        if old is new:
            continue
        gone: Mapping[Prefix, Route] = old.routes if old else {}
        there: Mapping[Prefix, Route] = new.routes if new else {}
        changed = changed_keys(gone, there)
        announced = [prefix for prefix in changed if prefix not in gone]
        withdrawn = [prefix for prefix in changed if prefix not in there]
        if before is None or len(announced) + len(withdrawn) > NAMED_ROUTES:
            if announced or withdrawn:
                yield RouteCounts(peer, len(announced), len(withdrawn))
            continue
        reasons = _reasons(withdrawn, gone, new)
        for prefix in sorted(withdrawn, key=prefix_order):
            refusal = reasons.get(prefix)
            reason, message = (refusal.reason, refusal.message) if refusal else (None, "")
            yield RouteChange(peer, prefix, False, gone[prefix].services, reason, message)
        for prefix in sorted(announced, key=prefix_order):
            yield RouteChange(peer, prefix, True, there[prefix].services)


def _reasons(
    withdrawn: Collection[Prefix], routes: Mapping[Prefix, Route], now: SessionPlan | None
) -> Mapping[Prefix, Refusal]:
    """Return why prefixes are withheld now, for the Services that their routes were announced for."""
    rows = now.withheld if now else {}
    keys = {prefix: map(Key.parse, routes[prefix].services) for prefix in withdrawn}
    return {prefix: rows[key, prefix] for prefix in withdrawn for key in keys[prefix] if (key, prefix) in rows}
