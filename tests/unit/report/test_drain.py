"""The drain of a node in its BGPSpeaker: the step, and the Services that no other node announces."""

from datetime import UTC, datetime
from typing import Any

import pytest

from exalb.analysis.plan import node_plan
from exalb.announcement.drain import DrainPolicy, DrainStep, step_of
from exalb.announcement.planner import NodeDrain
from exalb.announcement.returning import Depreference, Means, ReturnStep
from exalb.api.speaker import DrainCause, DrainState
from exalb.kube.manifests import snapshot_of
from exalb.report.drain import drain_report
from exalb.validation.rules import validate
from tests.support import objects

WAITS = "the drain is undone; the return begins when kube-proxy is healthy"
POOL, PEER = objects.pool("main", "198.51.100.0/24"), objects.peer()


def _reported(value: str, services: int, *others: objects.Object) -> Any:
    served = [
        made
        for number in range(services)
        for made in (
            objects.assigned_service(f"web-{number}", f"198.51.100.{number}", externalTrafficPolicy="Local"),
            objects.endpoints(f"web-{number}"),
        )
    ]
    drained = objects.node("n1", "10.0.0.1", annotations={"exalb.io/drain": value})
    cluster, _ = snapshot_of([POOL, PEER, drained, *served, *others], "exalb-system")
    return drain_report("n1", node_plan(cluster, validate(cluster), "n1", DrainPolicy()).drain)


@pytest.mark.parametrize(
    ("value", "services", "held", "parts"),
    [
        pytest.param("true", 0, 0, (), id="nothing-announced"),
        pytest.param("true", 1, 1, ("would take 1 Service down", "default/web-0"), id="held"),
        pytest.param("true", 7, 7, ("would take 7 Services down", "and 2 more"), id="several-held"),
        pytest.param("force", 1, 0, ("takes 1 Service down", "default/web-0"), id="forced"),
    ],
)
def test_services_without_another_node_are_reported(value: str, services: int, held: int, parts: tuple[str]) -> None:
    report = _reported(value, services)
    assert (report.state.value, report.cause.value, report.held) == ("Withdrawn", "Annotation", held)
    assert all(part in report.message for part in parts)
    assert bool(report.message) == bool(parts)


def test_node_that_returns_reports_its_step() -> None:
    """Rounded to seconds, and read back by the next speaker and by commands."""
    part = ReturnStep(2, 4, Depreference(Means.PREPEND, 3), 30.0)
    step = DrainStep(DrainState.RETURNING, DrainCause.CORDON, datetime(2026, 1, 5, 8, tzinfo=UTC), part)
    report = drain_report("n1", NodeDrain(step, forced=False, lacking={}))
    assert report
    assert report.model_dump(mode="json", by_alias=True, exclude_none=True)["returning"] == {
        "step": 2,
        "steps": 4,
        "announced": "prepend=3",
        "until": "2026-01-05T08:00:30Z",
    }
    assert step_of(report) == step


@pytest.mark.parametrize(
    ("undone", "state", "message"),
    [
        (True, DrainState.WITHDRAWN, WAITS),
        (True, DrainState.DEPREFERRED, WAITS),
        (True, DrainState.RETURNING, ""),
        (False, DrainState.WITHDRAWN, ""),
    ],
)
def test_node_that_waits_to_return_says_so(undone: bool, state: DrainState, message: str) -> None:
    step = DrainStep(state, DrainCause.ANNOTATION, datetime(2026, 1, 5, 8, tzinfo=UTC))
    report = drain_report("n1", NodeDrain(step, forced=False, lacking={}, undone=undone))
    assert report
    assert (report.undone, report.message) == (undone, message)


def test_node_that_is_not_drained_reports_none() -> None:
    assert _reported("false", 1) is None
