"""Plans the sessions and routes of one node. Pure.

The planner keeps its results for Services that are still the same objects, so that the cost of a change depends on the
objects that it touches; a new planner gives the same answer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from exalb.announcement.adj_rib_out import AdjRibOut, SessionPlan
from exalb.announcement.drain import DrainStep
from exalb.announcement.eligibility import Candidate, NodeContext, candidates, node_refusal
from exalb.api.reasons import Refusal
from exalb.model.cluster import NOTHING, Cluster, Key, Node
from exalb.model.diff import changed_keys
from exalb.model.local_node import DataPlane
from exalb.model.node_lifecycle import NodeLifecycle
from exalb.model.scope import Scope
from exalb.validation.node_annotations import FieldError
from exalb.validation.pools import PoolIndex
from exalb.validation.rules import Rules
from exalb.validation.session_parameters import SessionParameters, session_parameters_for
from exalb_bgp.rib import Address, Prefix
from exalb_bgp.speaker import Speaker


@dataclass(frozen=True, slots=True)
class NodeDrain:
    """The drain of a node."""

    step: DrainStep
    forced: bool
    lacking: Mapping[Prefix, tuple[Key, ...]]
    """The prefixes that some Services have from this node alone, and these Services; unless forced they are held."""
    undone: bool = False
    """Whether nothing drains the node any longer: it returns, or waits until it can."""

    @property
    def held(self) -> Mapping[Prefix, tuple[Key, ...]]:
        """The prefixes that are not withdrawn, and the Services that need them."""
        return {} if self.forced else self.lacking


@dataclass(frozen=True, slots=True)
class NodePlan:
    """All that one node does."""

    node: str
    sessions: Mapping[str, SessionPlan]
    """By the name of the peer."""
    speaker: Speaker
    drain: NodeDrain | None = None


class _PlanInputs(NamedTuple):
    """The inputs that every route of a node depends on. If they are equal, all cached results are still valid."""

    rules: Rules
    node: Node | None
    parameters: Mapping[str, SessionParameters | FieldError]
    refusal: Refusal | None
    scope: Scope


def _inputs(node: Node | None, cluster: Cluster, rules: Rules) -> _PlanInputs:
    if node is None:
        return _PlanInputs(rules, None, {}, None, cluster.scope)
    parameters = session_parameters_for(node, rules.peers, cluster.host)
    # The parameters contain the annotations that matter; other ones, and a drain, must not change the inputs.
    plain = replace(node, annotations={}, lifecycle=NodeLifecycle())
    return _PlanInputs(rules, plain, parameters, node_refusal(node, cluster.host, cluster.scope), cluster.scope)


class RoutePlanner:
    """Plans for one node."""

    def __init__(self, node_name: str) -> None:
        self._name = node_name
        self._last: Cluster | None = None
        self._seen: tuple[object, ...] = ()
        """The objects that `_inputs` were made from."""
        self._inputs: _PlanInputs | None = None
        self._pools = PoolIndex(())
        self._tables: dict[str, AdjRibOut] = {}
        self._by_service: dict[Key, tuple[Candidate, ...]] = {}
        self._by_address: dict[Address, tuple[Candidate, ...]] = {}
        self._plan = NodePlan(node_name, {}, Speaker())

    def plan(self, cluster: Cluster, rules: Rules) -> NodePlan:
        """Return the plan of the node for this snapshot; `rules` are those of `cluster`."""
        inputs = self._reset_where_rules_changed(cluster, rules)
        changed = self._changed(cluster) if inputs.node else ()
        self._last = cluster
        touched = self._find_candidates(cluster, inputs, changed)
        for table in self._tables.values():
            table.update(touched)
        plans = {name: table.plan for name, table in self._tables.items()}
        if plans.keys() != self._plan.sessions.keys() or any(
            self._plan.sessions[name] is not plan for name, plan in plans.items()
        ):
            sessions = {name: plan.session for name, plan in plans.items() if plan.session}
            self._plan = NodePlan(self._name, plans, Speaker(sessions, {name: plans[name].rib for name in sessions}))
        return self._plan

    def _reset_where_rules_changed(self, cluster: Cluster, rules: Rules) -> _PlanInputs:
        inputs, node = self._inputs, cluster.nodes.get(self._name)
        seen = rules, node, cluster.host, cluster.scope
        if inputs and all(new is old for new, old in zip(seen, self._seen, strict=True)):
            return inputs
        self._seen = seen
        new = _inputs(node, cluster, rules)
        if inputs == new:
            return new
        before, node = self._plan.sessions, new.node
        self._last, self._inputs, self._pools = None, new, PoolIndex(new.rules.pools)
        self._by_service, self._by_address = {}, {}
        self._tables = {
            peer.name: AdjRibOut(peer, new.parameters[peer.name], node, new.rules, before.get(peer.name))
            for peer in new.rules.peers
            if node and peer.name in new.parameters
        }
        return new

    def _changed(self, cluster: Cluster) -> list[Key]:
        """Return the Services that changed, themselves, their EndpointSlices, or what kube-proxy says of them."""
        last = self._last or Cluster()
        keys = changed_keys(last.services, cluster.services) + changed_keys(last.slices, cluster.slices)
        keys += [key for key, _ in changed_keys(last.programmed or NOTHING, cluster.programmed or NOTHING)]
        return list(dict.fromkeys(keys))

    def _find_candidates(
        self, cluster: Cluster, inputs: _PlanInputs, changed: Iterable[Key]
    ) -> dict[Address, tuple[Candidate, ...]]:
        """Find the candidates of each changed Service; return the addresses touched, with all their candidates."""
        touched: dict[Address, None] = {}
        routers = {
            parameters.peer_address: name
            for name, parameters in inputs.parameters.items()
            if isinstance(parameters, SessionParameters)
        }
        programmed = cluster.programmed if cluster.host.data_plane is DataPlane.UP else None
        context = inputs.node and NodeContext(inputs.node, inputs.refusal, routers, programmed)
        for key in changed:
            service = cluster.services.get(key)
            for candidate in self._by_service.pop(key, ()):
                touched[candidate.address] = None
                others = tuple(each for each in self._by_address[candidate.address] if each is not candidate)
                self._by_address[candidate.address] = others
            if context and service and service.held and cluster.is_ours(service):
                found = candidates(service, cluster.slices.get(key, ()), context, self._pools)
                self._by_service[key] = found
                for candidate in found:
                    touched[candidate.address] = None
                    self._by_address[candidate.address] = (*self._by_address.get(candidate.address, ()), candidate)
        return {address: self._taken(address) for address in touched}

    def _taken(self, address: Address) -> tuple[Candidate, ...]:
        """Return the candidates of an address; forget an address that has none."""
        return self._by_address.get(address) or self._by_address.pop(address, ())
