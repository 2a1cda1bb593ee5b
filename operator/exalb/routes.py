"""What one node tells each of its peers, and what it withholds and why. Pure.

The planner remembers what it worked out for Services that are still the same objects, so that one change costs what it
touches; a fresh planner gives the same answer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from exalb.annotations import Flaw
from exalb.changes import changed_keys
from exalb.cluster import Cluster, Key, Node
from exalb.peering import Terms, owners_of, terms_on
from exalb.presence import Place, Presence, node_refusal, presences
from exalb.reasons import Refusal
from exalb.session_table import SessionPlan, SessionTable
from exalb.validity import InForce, PoolIndex, in_force
from exalb_bgp.rib import Address
from exalb_bgp.speaker import Speaker


@dataclass(frozen=True, slots=True)
class NodePlan:
    """All that one node does."""

    node: str
    sessions: Mapping[str, SessionPlan]
    """By the name of the peer."""
    speaker: Speaker


class _Premises(NamedTuple):
    """What everything that a node tells depends on; where it is the same, so is all that was worked out."""

    rules: InForce
    node: Node | None
    terms: Mapping[str, Terms | Flaw]
    gate: Refusal | None
    require_class: bool


def _premises(name: str, cluster: Cluster) -> _Premises:
    rules, node = in_force(cluster), cluster.nodes.get(name)
    if node is None:
        return _Premises(rules, None, {}, None, cluster.require_class)
    terms = terms_on(node, rules.peers, cluster.host, owners_of(cluster.nodes))
    # What an annotation says stands in the terms already; the others are nobody's business here.
    there = replace(node, annotations={})
    return _Premises(rules, there, terms, node_refusal(node, cluster.host), cluster.require_class)


_RULES = (
    *("pools", "peers", "advertisements", "communities", "nodes", "secrets", "service_ranges"),
    *("host", "require_class"),
)


class RoutePlanner:
    """Plans for one node."""

    def __init__(self, node_name: str) -> None:
        self._name = node_name
        self._last: Cluster | None = None
        self._premises: _Premises | None = None
        self._pools = PoolIndex(())
        self._tables: dict[str, SessionTable] = {}
        self._held: dict[Key, tuple[Presence, ...]] = {}
        self._at: dict[Address, dict[Key, Presence]] = {}
        self._plan = NodePlan(node_name, {}, Speaker())

    def plan(self, cluster: Cluster) -> NodePlan:
        """Return what the node does in this picture of the cluster."""
        premises = self._start_anew_where_rules_changed(cluster)
        changed = self._changed(cluster) if premises.node else ()
        self._last = cluster
        touched = self._place(cluster, premises, changed)
        if touched:
            addresses = {
                address: (tuple(self._at.get(address, {}).values()), keys) for address, keys in touched.items()
            }
            for table in self._tables.values():
                table.update(addresses)
        plans = {name: table.plan() for name, table in self._tables.items()}
        if plans.keys() != self._plan.sessions.keys() or any(
            self._plan.sessions[name] is not plan for name, plan in plans.items()
        ):
            sessions = {name: plan.session for name, plan in plans.items() if plan.session}
            self._plan = NodePlan(self._name, plans, Speaker(sessions, {name: plans[name].rib for name in sessions}))
        return self._plan

    def _start_anew_where_rules_changed(self, cluster: Cluster) -> _Premises:
        last, premises = self._last, self._premises
        if premises and last and all(getattr(last, kind) is getattr(cluster, kind) for kind in _RULES):
            return premises
        found = _premises(self._name, cluster)
        if premises == found:
            return found
        before, node = self._plan.sessions, found.node
        self._last, self._premises, self._pools = None, found, PoolIndex(found.rules.pools)
        self._held, self._at = {}, {}
        self._tables = {
            peer.name: SessionTable(peer, found.terms[peer.name], node, found.rules, before.get(peer.name))
            for peer in found.rules.peers
            if node and peer.name in found.terms
        }
        return found

    def _changed(self, cluster: Cluster) -> list[Key]:
        """Return the Services that are not what they were, in themselves or in their slices."""
        last = self._last or Cluster()
        keys = changed_keys(last.services, cluster.services) + changed_keys(last.slices, cluster.slices)
        return list(dict.fromkeys(keys))

    def _place(self, cluster: Cluster, premises: _Premises, changed: Iterable[Key]) -> dict[Address, tuple[Key, ...]]:
        """Enter what the node has for each changed Service; return the addresses touched, and who has or had them."""
        touched = dict[Address, set[Key]]()
        routers = {terms.peer_address: name for name, terms in premises.terms.items() if isinstance(terms, Terms)}
        place = premises.node and Place(premises.node, premises.gate, routers)
        for key in changed:
            service = cluster.services.get(key)
            for presence in self._held.pop(key, ()):
                touched.setdefault(presence.address, set()).add(key)
                del self._at[presence.address][key]
            if place and service and service.held and cluster.is_ours(service):
                found = presences(service, cluster.slices.get(key, ()), place, self._pools)
                self._held[key] = found
                for presence in found:
                    touched.setdefault(presence.address, set()).add(key)
                    self._at.setdefault(presence.address, {})[key] = presence
        for address in touched:
            if not self._at.get(address):
                self._at.pop(address, None)
        return {address: tuple(keys) for address, keys in touched.items()}
