"""Kept state changes no decision: after any sequence of changes, the decision is that of a new program."""

from dataclasses import replace
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from exalb.allocation.allocator import Allocator
from exalb.analysis.plan import Plan
from exalb.analysis.plan_json import to_json
from exalb.announcement.l2 import L2Plan
from exalb.announcement.planner import NodePlan, RoutePlanner
from exalb.report.controller import ControllerReporter
from exalb.report.speaker import SpeakerReporter, speaker_changes
from exalb.validation.rules import Validator, validate
from exalb_bgp.session import Family, SessionStatus, State
from exalb_bgp.speaker import SpeakerStatus
from tests.laws.making import NODES, identity
from tests.laws.strategies import clusters, objects
from tests.laws.worlds import World, settled
from tests.support.decisions import allocation_of
from tests.support.objects import Object, made

steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), objects),
        st.tuples(st.just("put"), objects),
        st.tuples(st.just("remove"), objects),
        st.tuples(st.just("settle"), st.none()),
    ),
    max_size=12,
)


def take(world: World, step: tuple[str, Object | None]) -> None:
    """Make one change, or write the decisions into the objects."""
    what, raw = step
    if what == "settle":
        for after in settled(world.raws.values()):
            if after != world.raws[identity(after)]:
                world.put(after)
    elif raw and what == "put":
        world.put(raw)
    elif raw:
        world.remove(raw)


@given(clusters, steps)
def test_validator_decides_as_a_new_one(start: list[Object], walk: list[tuple[str, Object | None]]) -> None:
    world, validator = World(start), Validator()
    for step in [("start", None), *walk]:
        take(world, step)
        remembered, fresh = validator.validate(world.cluster), validate(world.cluster)
        assert (remembered, remembered.invalid) == (fresh, fresh.invalid)
        assert validator.validate(replace(world.cluster)) is remembered


@given(clusters, steps)
def test_allocator_decides_as_a_new_one(start: list[Object], walk: list[tuple[str, Object | None]]) -> None:
    world, allocator, reporter = World(start), Allocator(), ControllerReporter()
    for step in [("start", None), *walk]:
        take(world, step)
        remembered, fresh = allocator.allocate(world.cluster, world.rules), allocation_of(world.cluster)
        assert remembered.outcomes == fresh.outcomes
        assert remembered.use == fresh.use
        changes = reporter.changes(world.cluster, world.rules, remembered, made(9))
        again = ControllerReporter().changes(world.cluster, validate(world.cluster), fresh, made(9))
        assert set(map(str, changes.writes)) == set(map(str, again.writes))
        assert set(map(str, changes.events)) == set(map(str, again.events))


def planned_by(world: World, planner: RoutePlanner) -> object:
    """Return the plan of a node, as values that can be compared."""
    plan = planner.plan(world.cluster, world.rules)
    parts = {
        name: (
            session.session,
            session.routes,
            session.rib,
            session.withheld,
            plan.speaker.sessions.get(name),
            plan.speaker.ribs.get(name),
        )
        for name, session in plan.sessions.items()
    }
    shown = to_json(Plan(allocation_of(world.cluster), (plan,), (), {}, L2Plan()))
    return plan.node, parts, shown


@given(clusters, steps)
def test_planner_decides_as_a_new_one(start: list[Object], walk: list[tuple[str, Object | None]]) -> None:
    world = World(settled(start))
    planners = [RoutePlanner(name) for name in NODES]
    for step in [("start", None), *walk]:
        take(world, step)
        for name, planner in zip(NODES, planners, strict=True):
            assert planned_by(world, planner) == planned_by(world, RoutePlanner(name))
            assert planner.plan(world.cluster, world.rules) is planner.plan(world.cluster, validate(world.cluster))


def seen_by(plan: NodePlan, number: int) -> SpeakerStatus:
    """Return a status of the engine: sessions that are Established, with some prefixes still to send, or are not."""
    unsent = {name: frozenset(islice(session.rib, number % 3)) for name, session in plan.sessions.items()}
    up = SessionStatus(State.ESTABLISHED, families=frozenset([*Family][: 1 + number % 2]))
    sessions = {name: replace(up, sent=1, unsent=None if number % 7 == 6 else left) for name, left in unsent.items()}
    return SpeakerStatus(True, {} if number % 5 == 4 else sessions)


@given(clusters, steps, st.integers(0, 100))
def test_speaker_reports_as_a_new_one(start: list[Object], walk: list[tuple[str, Object | None]], number: int) -> None:
    world, planner, reporter = World(settled(start)), RoutePlanner(NODES[0]), SpeakerReporter()
    for at, step in enumerate([("start", None), *walk], number):
        take(world, step)
        plan = planner.plan(world.cluster, world.rules)
        if at % 4:  # some plans are never reported
            status = seen_by(plan, at)
            remembered = reporter.changes(world.cluster, plan, status, made(9))
            assert remembered == speaker_changes(world.cluster, plan, status, made(9))


@given(clusters, steps)
def test_changes_and_their_reversal_restore_the_plan(
    start: list[Object], walk: list[tuple[str, Object | None]]
) -> None:
    world = World(settled(start))
    planner, before = RoutePlanner(NODES[0]), dict(world.raws)
    first = planned_by(world, planner)
    for what, raw in walk:
        take(world, (what, raw))
        planner.plan(world.cluster, world.rules)
    for raw in list(world.raws.values()):
        if raw not in before.values():
            world.remove(raw)
    for raw in before.values():
        world.put(raw)
    assert planned_by(world, planner) == first
