"""Finds the Services that no other node would announce if one node were drained. Pure.

The speaker of a node sees neither the sessions nor the data plane of other nodes; it plans them from the Services,
EndpointSlices, Nodes and rules that it has. A node that is drained itself, is not Ready, or announces nothing at all
does not count. Answers are kept for Services that are still the same objects.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from exalb.announcement.advertisements import advertises_to, contributions
from exalb.announcement.drain import DrainPolicy, drain_request
from exalb.announcement.eligibility import NodeContext, candidates, node_refusal
from exalb.announcement.planner import NodePlan
from exalb.model.cluster import Cluster, EndpointSlice, Key, Node, Service
from exalb.model.local_node import LocalNode
from exalb.model.scope import Scope
from exalb.validation.advertisements import ActiveAdvertisement
from exalb.validation.peers import is_for
from exalb.validation.pools import PoolIndex
from exalb.validation.rules import Rules
from exalb_bgp.rib import Prefix
from exalb_bgp.session import FAMILIES, Family


class _OtherNode(NamedTuple):
    """A node that may announce, with the families and the advertisements of each of its peers."""

    node: Node
    peers: tuple[tuple[frozenset[Family], tuple[ActiveAdvertisement, ...]], ...]


class _Answer(NamedTuple):
    service: Service
    slices: tuple[EndpointSlice, ...]
    announced: bool


@dataclass(slots=True)
class OtherAnnouncers:
    """Answers for one node which of its routes other nodes announce too."""

    node: str
    policy: DrainPolicy
    _seen: tuple[object, ...] = ()
    _others: dict[str, _OtherNode] = field(default_factory=dict)
    _pools: PoolIndex = field(default_factory=lambda: PoolIndex(()))
    _answers: dict[tuple[Prefix, Key], _Answer] = field(default_factory=dict)
    _latest: str = ""
    """The node that was found last: with policy Cluster it announces the next Service too."""

    def lacking(self, cluster: Cluster, rules: Rules, plan: NodePlan) -> Mapping[Prefix, tuple[Key, ...]]:
        """Return the prefixes of `plan` that some Services have from this node alone, and these Services."""
        self._forget_where_nodes_changed(cluster, rules)
        wanted = {
            (prefix, Key.parse(name))
            for session in plan.sessions.values()
            for prefix, route in session.routes.items()
            for name in route.services
        }
        found: dict[Prefix, list[Key]] = {}
        answers: dict[tuple[Prefix, Key], _Answer] = {}
        for prefix, key in wanted:
            answers[prefix, key] = answer = self._answer(cluster, prefix, key)
            if not answer.announced:
                found.setdefault(prefix, []).append(key)
        self._answers = answers
        return {prefix: tuple(sorted(keys)) for prefix, keys in found.items()}

    def _forget_where_nodes_changed(self, cluster: Cluster, rules: Rules) -> None:
        seen = cluster.nodes, rules
        if self._seen and all(new is old for new, old in zip(seen, self._seen, strict=True)):
            return
        self._seen, self._answers, self._pools = seen, {}, PoolIndex(rules.pools)
        nodes = (node for name, node in sorted(cluster.nodes.items()) if name != self.node)
        others = (_other(node, rules) for node in nodes if self._may_announce(node, cluster.scope))
        self._others = {other.node.name: other for other in others if other.peers}

    def _may_announce(self, node: Node, scope: Scope) -> bool:
        return (
            node.lifecycle.ready
            and node_refusal(node, LocalNode(), scope) is None
            and drain_request(node, self.policy) is None
        )

    def _answer(self, cluster: Cluster, prefix: Prefix, key: Key) -> _Answer:
        service, slices = cluster.services[key], cluster.slices.get(key, ())
        known = self._answers.get((prefix, key))
        if known and known.service is service and known.slices is slices:
            return known
        for other in self._in_order(service, slices):
            if self._announces(other, service, slices, prefix):
                self._latest = other.node.name
                return _Answer(service, slices, announced=True)
        return _Answer(service, slices, announced=False)

    def _in_order(self, service: Service, slices: tuple[EndpointSlice, ...]) -> Iterator[_OtherNode]:
        """Yield the nodes to ask: with policy Local only those with endpoints."""
        if service.local_traffic:
            names = {endpoint.node for part in slices for endpoint in part.endpoints if endpoint.node}
            yield from (self._others[name] for name in sorted(names & self._others.keys()))
            return
        if latest := self._others.get(self._latest):
            yield latest
        yield from self._others.values()

    def _announces(
        self, other: _OtherNode, service: Service, slices: tuple[EndpointSlice, ...], prefix: Prefix
    ) -> bool:
        return any(
            part.prefix == prefix
            for candidate in candidates(service, slices, NodeContext(other.node, None, {}), self._pools)
            if candidate.address in prefix
            for families, advertisements in other.peers
            if Family.of(prefix) in families
            for part in contributions(candidate, advertisements).parts
        )


def _other(node: Node, rules: Rules) -> _OtherNode:
    peers = (peer for peer in rules.peers if is_for(peer, node))
    return _OtherNode(
        node,
        tuple(
            (
                frozenset(FAMILIES[name] for name in peer.spec.families),
                tuple(
                    advertisement for advertisement in rules.advertisements if advertises_to(advertisement, peer, node)
                ),
            )
            for peer in peers
        ),
    )
