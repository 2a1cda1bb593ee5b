"""What is remembered changes nothing: after any walk of changes, the answer is that of a fresh start."""

from hypothesis import given
from hypothesis import strategies as st

from exalb.allocation import Allocator, allocate
from exalb.planning import Plan, to_json
from exalb.report import ControllerReporter
from exalb.routes import RoutePlanner
from tests.laws.making import NODES
from tests.laws.strategies import clusters, objects
from tests.laws.worlds import World, settled
from tests.unit.objects import Object, made

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
    """Make one change, or write down what was decided."""
    what, raw = step
    if what == "settle":
        for one in settled(world.raws.values()):
            if one != world.raws[one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]]:
                world.put(one)
    elif raw and what == "put":
        world.put(raw)
    elif raw:
        world.remove(raw)


@given(clusters, steps)
def test_an_allocator_that_remembers(start: list[Object], walk: list[tuple[str, Object | None]]) -> None:
    world, allocator, reporter = World(start), Allocator(), ControllerReporter()
    for step in [("start", None), *walk]:
        take(world, step)
        remembered, fresh = allocator.allocate(world.cluster), allocate(world.cluster)
        assert remembered.outcomes == fresh.outcomes
        assert remembered.use == fresh.use
        changes = reporter.changes(world.cluster, remembered, made(9))
        again = ControllerReporter().changes(world.cluster, fresh, made(9))
        assert set(map(str, changes.writes)) == set(map(str, again.writes))
        assert set(map(str, changes.events)) == set(map(str, again.events))


def told(world: World, planner: RoutePlanner) -> object:
    """Return what a node does, as values that can be compared."""
    plan = planner.plan(world.cluster)
    parts = {
        name: (
            one.session,
            one.routes,
            one.rib,
            one.withheld,
            plan.speaker.sessions.get(name),
            plan.speaker.ribs.get(name),
        )
        for name, one in plan.sessions.items()
    }
    shown = to_json(Plan(allocate(world.cluster), (plan,), (), {}))
    return plan.node, parts, shown


@given(clusters, steps)
def test_a_planner_that_remembers(start: list[Object], walk: list[tuple[str, Object | None]]) -> None:
    world = World(settled(start))
    planners = [RoutePlanner(name) for name in NODES]
    for step in [("start", None), *walk]:
        take(world, step)
        for name, planner in zip(NODES, planners, strict=True):
            assert told(world, planner) == told(world, RoutePlanner(name))
            assert planner.plan(world.cluster) is planner.plan(world.cluster)


@given(clusters, steps)
def test_there_and_back_again(start: list[Object], walk: list[tuple[str, Object | None]]) -> None:
    world = World(settled(start))
    planner, before = RoutePlanner(NODES[0]), dict(world.raws)
    first = told(world, planner)
    for what, raw in walk:
        take(world, (what, raw))
        planner.plan(world.cluster)
    for raw in list(world.raws.values()):
        if raw not in before.values():
            world.remove(raw)
    for raw in before.values():
        world.put(raw)
    assert told(world, planner) == first
