"""Keeps the Adj-RIB-Out of one session up to date: its routes, and why other addresses have none. Pure.

It remembers two things: the contributions of each address, and the decision about each prefix. The routes follow from
the decisions. The rows of withheld routes follow from both; `withheld_rows` draws the cases.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from exalb.announcement.advertisements import Contribution, Contributions, advertises_to, contributions
from exalb.announcement.attributes import PrefixDecision, Route, decide, refuse_all
from exalb.announcement.eligibility import Candidate
from exalb.announcement.sessions import next_hop, session_of
from exalb.api.address_ranges import prefix_order
from exalb.api.bfd import Bfd
from exalb.api.reasons import Refusal
from exalb.model.cluster import NOTHING, Key, Node
from exalb.validation.node_annotations import FieldError
from exalb.validation.peers import ActivePeer
from exalb.validation.rules import Rules
from exalb.validation.session_parameters import SessionParameters
from exalb_bgp.revision import Revision
from exalb_bgp.rib import Address, Attributes, Prefix
from exalb_bgp.session import FAMILIES, Family, Session

K = TypeVar("K")
V = TypeVar("V")

Row: TypeAlias = tuple[Key, Prefix]
"""A Service, and a prefix that is not announced for it."""


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """One session of a node: the routes that it announces, and those that it withholds."""

    peer: str
    families: frozenset[Family]
    """The families that the session carries, or would carry."""
    session: Session | None
    refusal: Refusal | None
    """Why there is no session; then no route is announced."""
    routes: Mapping[Prefix, Route]
    rib: Mapping[Prefix, Attributes]
    """The attributes of `routes` alone: the Adj-RIB-Out."""
    withheld: Mapping[Row, Refusal]
    """By Service and prefix: the host routes of addresses that are not announced at all, and prefixes that are not
    announced for a Service while another prefix with the address is."""
    bfd: Bfd | None = None
    """The BFD session that the peer asks for."""


_Contributed: TypeAlias = Mapping[Key, Contributions]
"""The contributions of one address, by Service."""


def row_order(row: Row) -> tuple[Key, tuple[int, int, int]]:
    """Sort rows by Service, then by prefix."""
    return row[0], prefix_order(row[1])


def withheld_rows(
    service: Key, contributed: _Contributed, outcomes: Mapping[Prefix, PrefixDecision]
) -> Mapping[Prefix, Refusal]:
    """Return the prefixes that are withheld from one Service at one address, from the decisions about all prefixes.

        contributions    their prefix         address announced      rows
        of the Service                        by another prefix
                                              or for a sharer
        none             -                    yes                    none
                                              no                     host route: no endpoint, no advertisement …
        some             announced for it     -                      none
                         refused              yes                    the prefix: the refusal
                                              no                     the same, and host route: the refusal
                         beyond its pool      -                      the prefix: AggregateTooWide

    Where the address is not announced at all, the host route has its own refusal, or that of the last aggregate; an
    aggregate with the same refusal has no row of its own.
    """
    its = contributed[service]
    if its.parts and not any(service in outcomes[part.prefix].refused for part in its.parts):
        return its.refused
    host = its.candidate.prefix
    is_announced = any(outcomes[part.prefix].route for other in contributed.values() for part in other.parts)
    if not its.parts:
        return NOTHING if is_announced else its.refused
    prefixes = sorted({part.prefix: None for part in its.parts}, key=lambda prefix: prefix == host)
    refused = {prefix: outcomes[prefix].refused[service] for prefix in prefixes if service in outcomes[prefix].refused}
    if is_announced:
        return {**its.refused, **refused}
    main = list(refused.values())[-1]
    return {**its.refused, **{prefix: why for prefix, why in refused.items() if why != main}, host: main}


class AdjRibOut:
    """The Adj-RIB-Out of one session, updated address by address."""

    def __init__(
        self,
        peer: ActivePeer,
        parameters: SessionParameters | FieldError,
        node: Node,
        rules: Rules,
        before: SessionPlan | None,
    ) -> None:
        self._names = rules.names
        session = session_of(peer, parameters) if isinstance(parameters, SessionParameters) else None
        # The driver compares sessions by identity first.
        session = before.session if before and before.session == session else session
        refusal = Refusal(parameters.reason, parameters.message) if isinstance(parameters, FieldError) else None
        families = frozenset(FAMILIES[name] for name in peer.spec.families)
        self._advertisements = tuple(each for each in rules.advertisements if advertises_to(each, peer, node))
        self._hops = (
            {family: next_hop(peer, parameters, node, family) for family in families}
            if isinstance(parameters, SessionParameters)
            else {}
        )
        self._contributed: dict[Address, _Contributed] = {}
        self._decided: dict[Prefix, PrefixDecision] = {}
        self.plan = SessionPlan(peer.name, families, session, refusal, {}, {}, {}, peer.spec.bfd)
        """The result; the same object while nothing changes."""

    def update(self, changed: Mapping[Address, Iterable[Candidate]]) -> None:
        """Take the candidates that the `changed` addresses have now, and decide again what depends on them."""
        now = {
            address: {candidate.service.key: self._contributions(candidate) for candidate in candidates}
            for address, candidates in changed.items()
            if Family.of(address) in self.plan.families
        }
        if not now:
            return
        decided = {prefix: self._decide(prefix, parts) for prefix, parts in self._touched(now).items()}
        services = self._affected(now, decided)
        old_rows = self._rows(services)
        for address, contributed in now.items():
            _set(self._contributed, address, contributed or None)
        for prefix, outcome in decided.items():
            _set(self._decided, prefix, outcome)
        rows = self._rows(services)
        routes = {prefix: outcome.route if outcome else None for prefix, outcome in decided.items()}
        if rows != old_rows or any(self.plan.routes.get(prefix) != route for prefix, route in routes.items()):
            self.plan = self._updated(routes, old_rows, rows)

    def _contributions(self, candidate: Candidate) -> Contributions:
        if self.plan.refusal:
            return Contributions((), {candidate.prefix: self.plan.refusal}, candidate)
        return contributions(candidate, self._advertisements)

    def _touched(self, now: Mapping[Address, _Contributed]) -> dict[Prefix, list[Contribution]]:
        """Return the prefixes to which changed addresses contribute, or did, each with all that contributes now."""
        touched: dict[Prefix, list[Contribution]] = {}
        for address in now:
            for old in self._contributed.get(address, {}).values():
                for part in old.parts:
                    touched.setdefault(part.prefix, [])
        for contributed in now.values():
            for new in contributed.values():
                for part in new.parts:
                    touched.setdefault(part.prefix, []).append(part)
        for prefix, parts in touched.items():
            before = self._decided.get(prefix)
            unchanged = [address for address in before.addresses if address not in now] if before else ()
            for address in unchanged:
                for same in self._contributed[address].values():
                    parts += [part for part in same.parts if part.prefix == prefix]
        return touched

    def _decide(self, prefix: Prefix, parts: list[Contribution]) -> PrefixDecision | None:
        if not parts or self.plan.session is None:
            return None
        hop = self._hops[Family.of(prefix)]
        return (
            refuse_all(parts, hop) if isinstance(hop, Refusal) else decide(parts, self.plan.session, hop, self._names)
        )

    def _affected(
        self, now: Mapping[Address, _Contributed], decided: Mapping[Prefix, PrefixDecision | None]
    ) -> dict[Key, set[Address]]:
        """Return the Services whose rows may change, each with all addresses that it has or had."""
        addresses = set(now)
        for prefix, outcome in decided.items():
            old = self._decided.get(prefix)
            if _is_announced(old) != _is_announced(outcome) or _refused(old) != _refused(outcome):
                addresses.update(old.addresses if old else (), outcome.addresses if outcome else ())
        services: dict[Key, set[Address]] = {}
        for address in addresses:
            for contributed in (self._contributed.get(address, {}), now.get(address, {})):
                for key, its in contributed.items():
                    services.setdefault(key, set()).update(its.candidate.service.held)
        return services

    def _rows(self, services: Mapping[Key, Iterable[Address]]) -> dict[Row, Refusal]:
        """Return all rows of some Services; of two for one prefix, by two addresses of one Service, the first."""
        rows: dict[Row, Refusal] = {}
        for key, addresses in services.items():
            for address in addresses:
                contributed = self._contributed.get(address, {})
                found = withheld_rows(key, contributed, self._decided) if key in contributed else {}
                for prefix, refusal in found.items():
                    row = key, prefix
                    rows[row] = min(refusal, rows.get(row, refusal), key=lambda refusal: refusal.message)
        return rows

    def _updated(
        self, routes: Mapping[Prefix, Route | None], old_rows: Iterable[Row], rows: Mapping[Row, Refusal]
    ) -> SessionPlan:
        """Return the plan with these routes and rows; the parts that stay are the same objects in the same order."""
        plan = self.plan
        attributes = {
            prefix: route.attributes if route else None
            for prefix, route in routes.items()
            if route is None or plan.rib.get(prefix) != route.attributes
        }
        return replace(
            plan,
            routes=Revision(plan.routes, routes),
            rib=Revision(plan.rib, attributes),
            withheld=Revision(plan.withheld, {**dict.fromkeys(old_rows), **rows}),
        )


def _is_announced(outcome: PrefixDecision | None) -> bool:
    return outcome is not None and outcome.route is not None


def _refused(outcome: PrefixDecision | None) -> Mapping[Key, Refusal]:
    return outcome.refused if outcome else {}


def _set(mapping: dict[K, V], key: K, value: V | None) -> None:
    """Set a key, or remove it."""
    if value is None:
        mapping.pop(key, None)
    else:
        mapping[key] = value
