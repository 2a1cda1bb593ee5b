"""The drain of a node: why it begins, its steps, and the routes in each of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exalb.announcement.drain import DrainPolicy, DrainStep, TaintSelector, drain_request, due_at, next_step, step_of
from exalb.announcement.returning import Depreference, Means, ReturnPolicy, ReturnStep
from exalb.api.speaker import DrainCause, DrainReport, DrainState, ReturnReport
from exalb.model.parse_core import parse_node
from tests.support.objects import node

BEGAN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
POLICY = DrainPolicy(deprefer_seconds=1.0, returning=ReturnPolicy(5.0))
DEPREFERRED, WITHDRAWING, WITHDRAWN, RETURNING = DrainState
SHUTTING_DOWN = {"status": "False", "reason": "KubeletNotReady", "message": "node is shutting down"}
STARTING = {"status": "False", "reason": "KubeletNotReady", "message": "container runtime is down"}
EVERYTHING = DrainPolicy(on_cordon=True, taints=(TaintSelector.parse("rack=down:NoExecute"),))
ANY_RACK = DrainPolicy(taints=(TaintSelector.parse("rack"), TaintSelector.parse("x")))
RACK = {"key": "rack", "value": "down", "effect": "NoExecute"}
NAMED = {
    DrainCause.ANNOTATION: "exalb.io/drain",
    DrainCause.TAINT: "taint rack",
    DrainCause.CORDON: "cordoned",
    DrainCause.NODE_SHUTDOWN: "kubelet",
}
"""What the sentence about a cause names, besides the node."""


def _annotated(value: str) -> dict[str, Any]:
    return {"annotations": {"exalb.io/drain": value}}


@pytest.mark.parametrize(
    ("marks", "policy", "cause", "forced"),
    [
        pytest.param({}, EVERYTHING, None, False, id="unmarked"),
        pytest.param(_annotated("true"), DrainPolicy(), DrainCause.ANNOTATION, False, id="annotated"),
        pytest.param(_annotated(""), DrainPolicy(), DrainCause.ANNOTATION, False, id="annotated-without-value"),
        pytest.param(_annotated(" Force "), DrainPolicy(), DrainCause.ANNOTATION, True, id="forced"),
        pytest.param(_annotated("false"), DrainPolicy(), None, False, id="annotated-false"),
        pytest.param({"ready": SHUTTING_DOWN}, DrainPolicy(), DrainCause.NODE_SHUTDOWN, True, id="shutting-down"),
        pytest.param({"ready": STARTING}, EVERYTHING, None, False, id="not-ready-for-another-reason"),
        pytest.param({"ready": {**SHUTTING_DOWN, "status": "True"}}, EVERYTHING, None, False, id="shutdown-cancelled"),
        pytest.param({"cordoned": True}, DrainPolicy(), None, False, id="cordon-is-opt-in"),
        pytest.param({"cordoned": True}, EVERYTHING, DrainCause.CORDON, False, id="cordoned"),
        pytest.param({"taints": [RACK]}, DrainPolicy(), None, False, id="taints-are-opt-in"),
        pytest.param({"taints": [RACK]}, EVERYTHING, DrainCause.TAINT, False, id="tainted"),
        pytest.param({"taints": [{**RACK, "effect": "NoSchedule"}]}, EVERYTHING, None, False, id="another-effect"),
        pytest.param({"taints": [{**RACK, "value": "up"}]}, EVERYTHING, None, False, id="another-value"),
        pytest.param({"taints": [{**RACK, "key": "row"}]}, EVERYTHING, None, False, id="another-key"),
        pytest.param({"taints": [{**RACK, "value": "up"}]}, ANY_RACK, DrainCause.TAINT, False, id="any-value"),
        pytest.param(
            {"taints": [{**RACK, "effect": "NoSchedule"}]}, ANY_RACK, DrainCause.TAINT, False, id="any-effect"
        ),
        pytest.param({"ready": SHUTTING_DOWN, **_annotated("true")}, DrainPolicy(), DrainCause.NODE_SHUTDOWN, True),
    ],
)
def test_cause(marks: dict[str, Any], policy: DrainPolicy, cause: DrainCause | None, forced: bool) -> None:
    request = drain_request(parse_node(node("n1", **marks)), policy)
    assert (request and request.cause, bool(request and request.forced)) == (cause, forced)
    assert request is None or all(name in request.why for name in ("n1", NAMED[request.cause]))


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        ("rack", TaintSelector("rack")),
        ("rack=down", TaintSelector("rack", "down")),
        ("rack:NoExecute", TaintSelector("rack", "", "NoExecute")),
        (" rack=down:NoSchedule", TaintSelector("rack", "down", "NoSchedule")),
        ("rack:PreferNoSchedule", TaintSelector("rack", "", "PreferNoSchedule")),
    ],
)
def test_taint_selector(text: str, selector: TaintSelector) -> None:
    assert TaintSelector.parse(text) == selector


@pytest.mark.parametrize("text", ["", "=down", ":NoExecute", "rack:Never", "rack:down:NoExecute"])
def test_text_that_is_no_taint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no taint"):
        TaintSelector.parse(text)


@pytest.mark.parametrize(
    ("state", "wanted", "seconds", "confirmed", "after"),
    [
        pytest.param(None, False, 0, False, None, id="serving"),
        pytest.param(None, True, 0, True, DEPREFERRED, id="begins"),
        pytest.param(DEPREFERRED, True, 0.9, True, DEPREFERRED, id="waits-for-time"),
        pytest.param(DEPREFERRED, True, 1, False, DEPREFERRED, id="waits-for-confirmation"),
        pytest.param(DEPREFERRED, True, 1, True, WITHDRAWING, id="withdraws"),
        pytest.param(DEPREFERRED, True, 3, False, WITHDRAWING, id="withdraws-unconfirmed"),
        pytest.param(DEPREFERRED, True, -9, True, DEPREFERRED, id="clock-set-back"),
        pytest.param(WITHDRAWING, True, 60, False, WITHDRAWING, id="is-not-withdrawn-before-it-is-confirmed"),
        pytest.param(WITHDRAWING, True, 0, True, WITHDRAWN, id="is-withdrawn"),
        pytest.param(WITHDRAWN, True, 9999, True, WITHDRAWN, id="stays"),
        pytest.param(DEPREFERRED, False, 0, True, RETURNING, id="undone-half-way"),
        pytest.param(WITHDRAWN, False, 0, True, RETURNING, id="undone"),
        pytest.param(RETURNING, False, 4.9, True, RETURNING, id="returns-slowly"),
        pytest.param(RETURNING, False, 5, False, None, id="is-back"),
        pytest.param(RETURNING, True, 1, True, DEPREFERRED, id="drained-again"),
    ],
)
def test_step(
    state: DrainState | None, wanted: bool, seconds: float, confirmed: bool, after: DrainState | None
) -> None:
    marks: dict[str, Any] = _annotated("true") if wanted else {}
    request = drain_request(parse_node(node("n1", **marks)), POLICY)
    step = DrainStep(state, DrainCause.ANNOTATION, BEGAN) if state else None
    result = next_step(step, request, POLICY, BEGAN + timedelta(seconds=seconds), confirmed=confirmed)
    assert (result and result.state) == after
    if result and result.state is not state:
        assert (result.cause, result.since) == (DrainCause.ANNOTATION, BEGAN + timedelta(seconds=seconds))


@pytest.mark.parametrize("state", [DEPREFERRED, WITHDRAWING, WITHDRAWN])
def test_present_cause_is_that_of_the_step(state: DrainState) -> None:
    request = drain_request(parse_node(node("n1", cordoned=True)), EVERYTHING)
    step = next_step(DrainStep(state, DrainCause.ANNOTATION, BEGAN), request, POLICY, BEGAN, confirmed=False)
    assert step == DrainStep(state, DrainCause.CORDON, BEGAN)


@pytest.mark.parametrize(
    ("state", "confirmed", "seconds"),
    [
        pytest.param(DEPREFERRED, True, 1, id="depreferred"),
        pytest.param(DEPREFERRED, False, 3, id="depreferred-and-not-confirmed"),
        pytest.param(WITHDRAWING, True, None, id="withdrawing"),
        pytest.param(WITHDRAWN, True, None, id="withdrawn"),
        pytest.param(None, True, None, id="serving"),
    ],
)
def test_time_alone_ends_a_step(state: DrainState | None, confirmed: bool, seconds: int | None) -> None:
    step = DrainStep(state, DrainCause.ANNOTATION, BEGAN) if state else None
    due = None if seconds is None else BEGAN + timedelta(seconds=seconds)
    assert due_at(step, POLICY, confirmed=confirmed) == due


STEPS = DrainPolicy(returning=ReturnPolicy(5.0, (Depreference(Means.PREPEND, 2),), 10.0))


@pytest.mark.parametrize(("seconds", "number"), [(0, 1), (4.9, 1), (5, 2), (14.9, 2), (15, None)])
def test_return_goes_on_by_time(seconds: float, number: int | None) -> None:
    began = DrainStep(RETURNING, DrainCause.ANNOTATION, BEGAN)
    step = next_step(began, None, STEPS, BEGAN + timedelta(seconds=seconds), confirmed=False)
    assert (step and step.returning and step.returning.number) == number
    if step and number:
        assert due_at(step, STEPS, confirmed=False) == BEGAN + timedelta(seconds=(5, 15)[number - 1])


def test_node_returns_once_it_forwards() -> None:
    """Until then nothing is announced, and the steps would pass unused."""
    withdrawn = DrainStep(WITHDRAWN, DrainCause.NODE_SHUTDOWN, BEGAN)
    later = BEGAN + timedelta(hours=1)
    assert next_step(withdrawn, None, STEPS, later, confirmed=True, forwards=False) == withdrawn
    step = next_step(withdrawn, None, STEPS, later, confirmed=True)
    assert step
    assert (step.state, step.since, step.returning and step.returning.number) == (RETURNING, later, 1)


def test_return_that_began_goes_on_while_the_node_does_not_forward() -> None:
    began = DrainStep(RETURNING, DrainCause.ANNOTATION, BEGAN)
    assert next_step(began, None, STEPS, BEGAN + timedelta(seconds=20), confirmed=True, forwards=False) is None


def test_drain_without_steps_ends_though_the_node_does_not_forward() -> None:
    withdrawn = DrainStep(WITHDRAWN, DrainCause.ANNOTATION, BEGAN)
    assert next_step(withdrawn, None, DrainPolicy(), BEGAN, confirmed=True, forwards=False) is None


def test_clock_that_was_set_back_prolongs_no_step() -> None:
    """The step began an hour later than now; a second from now it is over."""
    request = drain_request(parse_node(node("n1", **_annotated("true"))), POLICY)
    step: DrainStep | None = DrainStep(DEPREFERRED, DrainCause.ANNOTATION, BEGAN + timedelta(hours=1))
    for seconds in (0, 1):
        step = next_step(step, request, POLICY, BEGAN + timedelta(seconds=seconds), confirmed=True)
    assert step
    assert step.state is WITHDRAWING


def test_without_slow_return_a_drain_ends_at_once() -> None:
    step = DrainStep(WITHDRAWN, DrainCause.ANNOTATION, BEGAN)
    assert next_step(step, None, DrainPolicy(), BEGAN, confirmed=True) is None


def test_reported_step_is_read_back() -> None:
    report = DrainReport(state=WITHDRAWN, cause=DrainCause.TAINT, since="2026-01-05T08:00:00Z")
    assert step_of(report) == DrainStep(WITHDRAWN, DrainCause.TAINT, BEGAN)
    assert step_of(None) is None


def test_reported_step_of_a_return_is_read_back() -> None:
    until = "2026-01-05T08:00:15Z"
    returning = ReturnReport(step=2, steps=3, announced="prepend=2", until=until)
    report = DrainReport(state=RETURNING, cause=DrainCause.TAINT, since="2026-01-05T08:00:00Z", returning=returning)
    part = ReturnStep(2, 3, Depreference(Means.PREPEND, 2), 15.0)
    assert step_of(report) == DrainStep(RETURNING, DrainCause.TAINT, BEGAN, part)
