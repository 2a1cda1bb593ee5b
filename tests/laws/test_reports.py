"""Once what was reported is written, there is nothing more to report."""

from typing import Any

from hypothesis import given

from exalb.model.cluster import Key
from exalb.model.patches import StatusWrite
from exalb.report.controller import ControllerReporter
from exalb.report.speaker import speaker_changes
from exalb.validation.rules import validate
from exalb_bgp.session import SessionStatus, State
from exalb_bgp.speaker import SpeakerStatus
from tests.laws.strategies import clusters
from tests.laws.worlds import World
from tests.support.decisions import allocation_of, changes_of, plan_of
from tests.support.merging import merged
from tests.support.objects import Object, made


def merged_strategically(current: dict[str, Any], patch: Any) -> dict[str, Any]:
    """Apply a strategic merge patch to the status of a Service: lists of ingresses are replaced, conditions merged."""
    found = merged(current, {key: value for key, value in patch.items() if key != "conditions"})
    conditions = {condition["type"]: condition for condition in current.get("conditions", ())}
    for condition in patch.get("conditions", ()):
        if condition.get("$patch") == "delete":
            conditions.pop(condition["type"], None)
        else:
            conditions[condition["type"]] = {**conditions.get(condition["type"], {}), **condition}
    return found | {"conditions": list(conditions.values())}


def write(world: World, change: StatusWrite) -> None:
    """Apply a write as an API server does."""
    key = (change.kind, change.namespace or "", change.name)
    raw = world.raws.get(key, change.create and {**change.create})
    assert raw
    merge = merged if change.patch == "merge" else merged_strategically
    world.put({**raw, "status": merge(raw.get("status", {}), change.body["status"])})


@given(clusters)
def test_reports_are_written_once(objects: list[Object]) -> None:
    world, reporter, rounds = World(objects), ControllerReporter(), 0
    while True:
        changes = reporter.changes(world.cluster, validate(world.cluster), allocation_of(world.cluster), made(9))
        if not changes.writes:
            break
        rounds += 1
        assert rounds < 8
        for change in changes.writes:
            write(world, change)
    again = changes_of(world.cluster, made(10))
    assert (again.writes, again.events) == ((), ())
    for key, outcome in allocation_of(world.cluster).outcomes.items():
        service = world.cluster.services[Key(*key)]
        assert service.held == outcome.addresses
        assert service.condition
        assert (service.condition.status == "True") == bool(outcome.addresses)


@given(clusters)
def test_one_write_and_at_most_one_event_for_each_object(objects: list[Object]) -> None:
    cluster = World(objects).cluster
    changes = changes_of(cluster, made(9))
    written = [(change.kind, change.namespace, change.name) for change in changes.writes]
    noted = [(change.kind, change.namespace, change.name) for change in changes.events]
    assert len(set(written)) == len(written)
    assert len(set(noted)) == len(noted)
    assert set(noted) <= set(written)


@given(clusters)
def test_speaker_writes_each_report_once(objects: list[Object]) -> None:
    world = World(objects)
    for name in world.cluster.nodes:
        plan = plan_of(name, world.cluster)
        seen = {
            peer: SessionStatus(State.ESTABLISHED, sent=len(session.rib)) for peer, session in plan.sessions.items()
        }
        for status in (SpeakerStatus(), SpeakerStatus(connected=True, sessions=seen)):
            (change,) = speaker_changes(world.cluster, plan, status, made(9)).writes
            write(world, change)
            assert speaker_changes(world.cluster, plan, status, made(9)).writes == ()
            (heartbeat,) = speaker_changes(world.cluster, plan, status, made(10)).writes
            assert heartbeat.body["status"] == {"heartbeat": made(10)}
