"""Once what was reported is written, there is nothing more to report."""

from typing import Any

from hypothesis import given

from exalb.allocation import allocate
from exalb.cluster import Key
from exalb.report import ControllerReporter, speaker_changes
from exalb.routes import RoutePlanner
from exalb.writes import StatusWrite
from exalb_bgp.session import SessionStatus, State
from exalb_bgp.speaker import SpeakerStatus
from tests.laws.strategies import clusters
from tests.laws.worlds import World
from tests.unit.objects import Object, made


def merged(current: dict[str, Any], patch: Any) -> dict[str, Any]:
    """Apply a merge patch (RFC 7386)."""
    found = dict(current)
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key, {}), value) if isinstance(value, dict) else value
    return found


def merged_strategically(current: dict[str, Any], patch: Any) -> dict[str, Any]:
    """Apply a strategic merge patch to the status of a Service: lists of ingresses are replaced, conditions merged."""
    found = merged(current, {key: value for key, value in patch.items() if key != "conditions"})
    conditions = {one["type"]: one for one in current.get("conditions", ())}
    for one in patch.get("conditions", ()):
        if one.get("$patch") == "delete":
            conditions.pop(one["type"], None)
        else:
            conditions[one["type"]] = {**conditions.get(one["type"], {}), **one}
    return found | {"conditions": list(conditions.values())}


def write(world: World, one: StatusWrite) -> None:
    """Do what an API server does with a write."""
    key = (one.kind, one.namespace or "", one.name)
    raw = world.raws.get(key, one.create and {**one.create})
    assert raw
    merge = merged if one.patch == "merge" else merged_strategically
    world.put({**raw, "status": merge(raw.get("status", {}), one.body["status"])})


@given(clusters)
def test_what_is_written_is_not_written_again(objects: list[Object]) -> None:
    world, reporter, rounds = World(objects), ControllerReporter(), 0
    while True:
        changes = reporter.changes(world.cluster, allocate(world.cluster), made(9))
        if not changes.writes:
            break
        rounds += 1
        assert rounds < 8
        for one in changes.writes:
            write(world, one)
    again = ControllerReporter().changes(world.cluster, allocate(world.cluster), made(10))
    assert (again.writes, again.events) == ((), ())
    for key, outcome in allocate(world.cluster).outcomes.items():
        service = world.cluster.services[Key(*key)]
        assert service.held == outcome.addresses
        assert service.condition
        assert (service.condition.status == "True") == bool(outcome.addresses)


@given(clusters)
def test_one_write_and_at_most_one_event_for_each_object(objects: list[Object]) -> None:
    cluster = World(objects).cluster
    changes = ControllerReporter().changes(cluster, allocate(cluster), made(9))
    written = [(one.kind, one.namespace, one.name) for one in changes.writes]
    noted = [(one.kind, one.namespace, one.name) for one in changes.events]
    assert len(set(written)) == len(written)
    assert len(set(noted)) == len(noted)
    assert set(noted) <= set(written)


@given(clusters)
def test_a_speaker_writes_what_it_sees_once(objects: list[Object]) -> None:
    world = World(objects)
    for name in world.cluster.nodes:
        plan = RoutePlanner(name).plan(world.cluster)
        seen = {peer: SessionStatus(State.ESTABLISHED, sent=len(one.rib)) for peer, one in plan.sessions.items()}
        for status in (SpeakerStatus(), SpeakerStatus(connected=True, sessions=seen)):
            (one,) = speaker_changes(world.cluster, plan, status, made(9)).writes
            write(world, one)
            assert speaker_changes(world.cluster, plan, status, made(10)).writes == ()
