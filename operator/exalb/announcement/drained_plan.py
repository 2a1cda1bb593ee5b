"""The plan of a node in a step of its drain: routes that others are preferred to, or withdrawn. Pure.

A route that some Service has from this node alone is never withdrawn, unless the drain is forced.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from exalb.announcement.adj_rib_out import Row, SessionPlan
from exalb.announcement.attributes import Route
from exalb.announcement.drain import DrainPolicy, DrainRequest, DrainStep, drain_request
from exalb.announcement.last_announcer import OtherAnnouncers
from exalb.announcement.planner import NodeDrain, NodePlan
from exalb.announcement.returning import Depreference
from exalb.api.reasons import Reason, Refusal
from exalb.api.speaker import DrainState
from exalb.model.cluster import Cluster, Key
from exalb.validation.rules import Rules
from exalb_bgp.rib import Attributes, Prefix
from exalb_bgp.speaker import Speaker

_LONG_AGO = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class _Key:
    """The inputs of one drained session besides its plan."""

    withdraws: bool
    how: Depreference
    """How the routes are announced that are not withdrawn."""
    kept: frozenset[Prefix]
    refusal: Refusal


class DrainPlanner:
    """Turns the plans of one node into those of its drain; remembers results for speed alone."""

    def __init__(self, node: str, policy: DrainPolicy) -> None:
        self._others = OtherAnnouncers(node, policy)
        self._drained: dict[str, tuple[SessionPlan, _Key, SessionPlan]] = {}

    def plan(
        self, cluster: Cluster, rules: Rules, plan: NodePlan, step: DrainStep | None, request: DrainRequest | None
    ) -> NodePlan:
        """Return `plan` as it is in `step`; without one it is the same object."""
        if step is None:
            self._drained = {}
            return plan
        lacking = self._others.lacking(cluster, rules, plan) if request else {}
        forced = request is not None and request.forced
        refusal = Refusal(Reason.NODE_DRAINING, request.why if request else "")
        how = step.returning.how if step.returning else Depreference()
        key = _Key(step.withdraws, how, frozenset() if forced else frozenset(lacking), refusal)
        sessions = {name: self._session(session, key) for name, session in plan.sessions.items()}
        ribs = {name: sessions[name].rib for name in plan.speaker.sessions}
        drain = NodeDrain(step, forced, lacking, undone=request is None)
        return NodePlan(plan.node, sessions, Speaker(plan.speaker.sessions, ribs), drain)

    def _session(self, plan: SessionPlan, key: _Key) -> SessionPlan:
        before = self._drained.get(plan.peer)
        if before and before[0] is plan and before[1] == key:
            return before[2]
        is_ibgp = plan.session is not None and plan.session.is_ibgp
        known = before if before and before[1].how == key.how else None
        routes: dict[Prefix, Route] = {}
        withheld: dict[Row, Refusal] = dict(plan.withheld.items())
        for prefix, route in plan.routes.items():
            if key.withdraws and prefix not in key.kept:
                withheld.update({(Key.parse(name), prefix): key.refusal for name in route.services})
            else:
                # The driver compares attributes by identity first.
                same = known and known[0].routes.get(prefix) is route
                earlier = known[2].routes.get(prefix) if known and same else None
                routes[prefix] = earlier or _depreferred(route, key.how, is_ibgp=is_ibgp)
        rib: Mapping[Prefix, Attributes] = {prefix: route.attributes for prefix, route in routes.items()}
        drained = replace(plan, routes=routes, rib=rib, withheld=withheld)
        self._drained[plan.peer] = plan, key, drained
        return drained


def settled_drain(cluster: Cluster, rules: Rules, plan: NodePlan, policy: DrainPolicy) -> NodePlan:
    """Return `plan` as it is once the node's drain, if it is to be drained, has ended."""
    node = cluster.nodes.get(plan.node)
    request = drain_request(node, policy) if node else None
    step = DrainStep(DrainState.WITHDRAWN, request.cause, _LONG_AGO) if request else None
    return DrainPlanner(plan.node, policy).plan(cluster, rules, plan, step, request)


def _depreferred(route: Route, how: Depreference, *, is_ibgp: bool) -> Route:
    return replace(route, attributes=how.applied(route.attributes, is_ibgp=is_ibgp))
