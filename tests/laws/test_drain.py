"""Drains in any order, with restarts and undone half way: no Service goes down, and the causes alone decide the end."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from exalb.analysis.plan import node_plan
from exalb.announcement.drain import DrainPolicy, DrainStep, drain_request, next_step
from exalb.announcement.drained_plan import DrainPlanner
from exalb.announcement.planner import NodePlan, RoutePlanner
from exalb.announcement.returning import NO_RETURN, Depreference, Means, ReturnPolicy
from exalb.api.speaker import DrainState
from exalb_bgp.rib import Prefix
from tests.laws.worlds import World
from tests.support import objects

NODES = ("n1", "n2", "n3")
STEPS = Depreference(Means.PREPEND, 2), Depreference(Means.MED, 5)
POLICIES = [
    DrainPolicy(deprefer_seconds=1.0, returning=returning)
    for returning in (NO_RETURN, ReturnPolicy(3.0), ReturnPolicy(1.0, STEPS, 1.5), ReturnPolicy(0.0, STEPS, 2.0))
]
CLUSTER, LOCAL = "198.51.100.1", "198.51.100.2"
SERVICES = (
    objects.assigned_service("wide", CLUSTER),
    objects.endpoints("wide"),
    objects.assigned_service("narrow", LOCAL, externalTrafficPolicy="Local"),
)


@dataclass
class Speaker:
    """The speaker of one node: its drain, and the one that it reported."""

    name: str
    policy: DrainPolicy
    planner: RoutePlanner
    drains: DrainPlanner
    step: DrainStep | None = None
    reported: DrainStep | None = None

    @classmethod
    def started(cls, name: str, policy: DrainPolicy, reported: DrainStep | None = None) -> "Speaker":
        """Return a new one, which continues with the last report."""
        return cls(name, policy, RoutePlanner(name), DrainPlanner(name, policy), reported, reported)


@dataclass
class Drains:
    """A cluster with a speaker on each node."""

    policy: DrainPolicy
    now: datetime = datetime(2026, 1, 5, tzinfo=UTC)
    world: World = field(
        default_factory=lambda: World([objects.pool("main", "198.51.100.0/24"), objects.peer(), *SERVICES])
    )
    speakers: dict[str, Speaker] = field(default_factory=dict)
    causes: dict[str, str] = field(default_factory=dict)
    endpoints: frozenset[str] = frozenset(NODES)

    def __post_init__(self) -> None:
        for name in NODES:
            self.speakers[name] = Speaker.started(name, self.policy)
            self.mark(name, "")
        self.serve_on(frozenset(NODES))

    def mark(self, name: str, value: str) -> None:
        """Set the annotation of a node, or remove it."""
        self.causes[name] = value
        annotations = {"exalb.io/drain": value} if value else None
        self.world.put(objects.node(name, f"10.0.0.{name[1]}", annotations=annotations))

    def serve_on(self, nodes: frozenset[str]) -> None:
        """Move the endpoints of the Service with policy Local."""
        self.endpoints = nodes
        entries = [objects.endpoint(f"10.88.{name[1]}.2", name) for name in sorted(nodes)]
        self.world.put(objects.endpoints("narrow", *entries))

    def restart(self, name: str) -> None:
        """Replace the speaker of a node by a new one."""
        self.speakers[name] = Speaker.started(name, self.policy, self.speakers[name].reported)

    def run(self, seconds: float, confirmed: frozenset[str], reporting: frozenset[str]) -> dict[str, NodePlan]:
        """Let time pass and run a round of each speaker; return their plans."""
        self.now += timedelta(seconds=seconds)
        plans = {}
        for name, speaker in self.speakers.items():
            plans[name] = self._round(speaker, name in confirmed)
            if name in reporting:
                speaker.reported = speaker.step
        return plans

    def _round(self, speaker: Speaker, confirmed: bool) -> NodePlan:
        cluster, rules, before = self.world.cluster, self.world.rules, speaker.step
        request = drain_request(cluster.nodes[speaker.name], self.policy)
        speaker.step = step = next_step(before, request, self.policy, self.now, confirmed=confirmed)
        plan = speaker.planner.plan(cluster, rules)
        drained = speaker.drains.plan(cluster, rules, plan, step, request)
        fresh = DrainPlanner(speaker.name, self.policy).plan(cluster, rules, plan, step, request)
        assert drained == fresh, "the memory of the planner changes its answer"
        if step and step.state is DrainState.RETURNING:
            _check_return(before, step, plan, drained)
        return drained


def _check_return(before: DrainStep | None, step: DrainStep, plan: NodePlan, drained: NodePlan) -> None:
    """Check that a node that returns announces everything, as its step says, and takes no step back."""
    part, earlier = step.returning, before and before.returning
    assert part
    assert not earlier or not before or step.since != before.since or part.number >= earlier.number
    for name, session in plan.sessions.items():
        assert session.session
        wanted = {p: part.how.applied(a, is_ibgp=session.session.is_ibgp) for p, a in session.rib.items()}
        assert drained.sessions[name].rib == wanted


def _announced(plans: dict[str, NodePlan]) -> set[Prefix]:
    return {prefix for plan in plans.values() for session in plan.sessions.values() for prefix in session.routes}


names = st.sampled_from(NODES)
some = st.frozensets(names)
moves = st.one_of(
    st.tuples(st.just("mark"), names, st.sampled_from(["", "true", "force"])),
    st.tuples(st.just("restart"), names),
    st.tuples(st.just("serve_on"), st.frozensets(names, min_size=1)),
    st.tuples(st.just("run"), st.sampled_from([-5.0, 0.0, 0.5, 1.0, 4.0]), some, some),
)


@given(st.sampled_from(POLICIES), some, st.lists(moves, max_size=25), some)
def test_drains_take_no_service_down_and_end_by_their_causes(
    policy: DrainPolicy, drained: frozenset[str], sequence: list[tuple[object, ...]], undone: frozenset[str]
) -> None:
    """Some nodes are drained at the beginning, and some at the end are not: returns are as frequent as drains."""
    drains = Drains(policy)
    for name in drained:
        drains.mark(name, "true")
    for move, *arguments in sequence:
        getattr(drains, str(move))(*arguments)
        plans = drains.run(0.0, frozenset(), frozenset())
        if "force" not in drains.causes.values():
            served = {f"{address}/32" for address in (CLUSTER, LOCAL)}
            assert {str(prefix) for prefix in _announced(plans)} == served
    everyone = frozenset(NODES)
    for name in undone:
        drains.mark(name, "")
    for seconds in (*[0.5] * 10, *[4.0] * 6):
        plans = drains.run(seconds, everyone, everyone)
    cluster, rules = drains.world.cluster, drains.world.rules
    for name, plan in plans.items():
        end = node_plan(cluster, rules, name, policy)
        assert plan.sessions == end.sessions
        assert (plan.drain and (plan.drain.step.state, plan.drain.lacking)) == (
            end.drain and (end.drain.step.state, end.drain.lacking)
        )
