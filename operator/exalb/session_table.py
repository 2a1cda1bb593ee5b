"""The table of one session, kept up address by address: the routes told on it, and why the rest is not. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from exalb.addresses import prefix_order
from exalb.advertising import Contribution, Route, advertises_to, contributions, merge
from exalb.annotations import Flaw
from exalb.cluster import Key, Node
from exalb.peering import FAMILIES, PeerInForce, Terms
from exalb.presence import Presence, host_route
from exalb.reasons import Reason, Refusal
from exalb.sessions import next_hop, session_of
from exalb.validity import InForce
from exalb_bgp.rib import Address, Attributes, Prefix
from exalb_bgp.session import Family, Session


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """One session of a node: the routes told on it, and what is not."""

    peer: str
    families: frozenset[Family]
    """Which ones the session carries, or would carry."""
    session: Session | None
    refusal: Refusal | None
    """Why there is no session; then nothing is told."""
    routes: Mapping[Prefix, Route]
    rib: Mapping[Prefix, Attributes]
    """The attributes of `routes` alone: the Adj-RIB-Out."""
    withheld: Mapping[tuple[Key, Prefix], Refusal]
    """By Service and prefix, each with its reason: the host routes of addresses that are not told at all, and prefixes
    that are not while another one with the address is."""


def row_order(row: tuple[Key, Prefix]) -> tuple[Key, tuple[int, int, int]]:
    """Sort what is withheld by Service, then by prefix."""
    return row[0], prefix_order(row[1])


class SessionTable:
    """One session's table, kept up address by address."""

    def __init__(
        self, peer: PeerInForce, terms: Terms | Flaw, node: Node, rules: InForce, before: SessionPlan | None
    ) -> None:
        self._peer = peer
        self._node = node
        session = session_of(peer, terms) if isinstance(terms, Terms) else None
        # The very same session object tells the driver at a glance that nothing is to be changed.
        self._session = before.session if before and before.session == session else session
        self._refusal = Refusal(terms.reason, terms.message) if isinstance(terms, Flaw) else None
        self._families = frozenset(FAMILIES[name] for name in peer.spec.families)
        self._advertisements = tuple(one for one in rules.advertisements if advertises_to(one, peer, node))
        self._names = rules.names
        self._wanted: dict[Address, tuple[Contribution, ...]] = {}
        self._unwanted: dict[Address, dict[Key, Refusal]] = {}
        self._too_wide: dict[Address, dict[tuple[Key, Prefix], Refusal]] = {}
        """Aggregates that an address is no part of, since they reach beyond its pool, where it is told otherwise."""
        self._members: dict[Prefix, set[Address]] = {}
        self._refused: dict[Prefix, Refusal] = {}
        self._routes: dict[Prefix, Route] = {}
        self._rib: dict[Prefix, Attributes] = {}
        self._withheld: dict[tuple[Key, Prefix], Refusal] = {}
        self._beside: dict[Address, dict[tuple[Key, Prefix], Refusal]] = {}
        """What of an address is refused and has no row above: told as part of another prefix, or refused twice."""
        self._plan: SessionPlan | None = None

    def update(self, changed: Mapping[Address, tuple[tuple[Presence, ...], tuple[Key, ...]]]) -> None:
        """Work out anew what is told of the `changed` addresses: who has each now, and who may have had it before."""
        mine = {one: change for one, change in changed.items() if Family.of(one) in self._families}
        if not mine:
            return
        prefixes: dict[Prefix, None] = {}
        for address, (now, _) in mine.items():
            prefixes.update(dict.fromkeys(self._contribute(address, now)))
        flipped = {prefix for prefix in prefixes if self._decide(prefix)}
        for address, (now, keys) in mine.items():
            host = now[0].prefix if now else host_route(address)
            for key in keys:
                self._withheld.pop((key, host), None)
            self._withhold(address)
        for prefix in flipped:
            for address in self._members.get(prefix, ()):
                if address not in mine:
                    self._withhold(address)
        self._plan = None

    def _contribute(self, address: Address, now: tuple[Presence, ...]) -> set[Prefix]:
        before = {part.prefix for part in self._wanted.pop(address, ())}
        for prefix in before:
            self._members[prefix].discard(address)
        found: list[Contribution] = []
        self._unwanted[address] = refusals = {}
        self._too_wide.pop(address, None)
        too_wide: dict[tuple[Key, Prefix], Refusal] = {}
        for presence in now:
            parts, why_not = self._contributions(presence)
            found.extend(parts)
            for prefix, refusal in why_not.items():
                if prefix == presence.prefix:
                    refusals[presence.service.key] = refusal
                else:
                    too_wide[presence.service.key, prefix] = refusal
        if found:
            self._wanted[address] = tuple(found)
        if too_wide:
            self._too_wide[address] = too_wide
        for part in found:
            self._members.setdefault(part.prefix, set()).add(address)
        if not now:
            del self._unwanted[address]
        return before | {part.prefix for part in found}

    def _contributions(self, presence: Presence) -> tuple[tuple[Contribution, ...], Mapping[Prefix, Refusal]]:
        if self._refusal:
            return (), {presence.prefix: self._refusal}
        return contributions(presence, self._advertisements)

    def _decide(self, prefix: Prefix) -> bool:
        """Make the route of one prefix; return whether being told, or the reason for not being told, changed."""
        before = self._refused.pop(prefix, None) or (prefix in self._routes)
        members = self._members.get(prefix)
        if not members or self._session is None:
            self._members.pop(prefix, None)
            self._routes.pop(prefix, None)
            self._rib.pop(prefix, None)
            return before is not False
        parts = [part for address in members for part in self._wanted[address] if part.prefix == prefix]
        parts.sort(key=lambda part: (part.advertisement.name, part.presence.service.age, int(part.presence.address)))
        hop = next_hop(self._peer, self._session.peer_address, self._node, Family.of(prefix))
        route = (
            self._no_next_hop(prefix, hop) if isinstance(hop, str) else merge(parts, self._session, hop, self._names)
        )
        if isinstance(route, Refusal):
            self._refused[prefix] = route
            self._routes.pop(prefix, None)
            self._rib.pop(prefix, None)
            return before != route
        self._routes[prefix] = route
        if self._rib.get(prefix) != route.attributes:
            self._rib[prefix] = route.attributes
        return before is not True

    def _no_next_hop(self, prefix: Prefix, what_helps: str) -> Refusal:
        where = f"the session of node {self._node.name} with BGPPeer {self._peer.name}"
        message = f"{where} has no next hop for IPv{prefix.version} prefixes: {what_helps}"
        return Refusal(Reason.NO_NEXT_HOP, message)

    def _withhold(self, address: Address) -> None:
        """Say for each Service that has `address` why it is not told, unless it is, and which prefixes are not."""
        parts = self._wanted.get(address, ())
        host = parts[0].presence.prefix if parts else host_route(address)
        told = any(part.prefix in self._routes for part in parts)
        for part in parts:
            self._withheld.pop((part.presence.service.key, host), None)
        for key, refusal in self._unwanted.get(address, {}).items():
            if told:
                self._withheld.pop((key, host), None)
            else:
                self._withheld[key, host] = refusal
        self._beside.pop(address, None)
        too_wide = self._too_wide.get(address, {})
        if not self._refused and not too_wide:
            return
        refused = {
            (part.presence.service.key, part.prefix): self._refused[part.prefix]
            for part in sorted(parts, key=lambda part: part.prefix == host)
            if part.prefix in self._refused
        }
        if not told:
            self._withheld.update(((key, host), refusal) for (key, _), refusal in refused.items())
        rows = {**too_wide, **refused}
        beside = {row: why for row, why in rows.items() if self._withheld.get((row[0], host)) != why}
        if beside:
            self._beside[address] = beside

    def plan(self) -> SessionPlan:
        """Return the table as a value; the same one while nothing changed."""
        if self._plan is None:
            rib, withheld = dict(self._rib), dict(self._withheld)
            for rows in self._beside.values():
                withheld.update(rows)
            self._plan = SessionPlan(
                self._peer.name, self._families, self._session, self._refusal, dict(self._routes), rib, withheld
            )
        return self._plan
