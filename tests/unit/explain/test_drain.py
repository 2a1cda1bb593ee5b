"""A drain as `kubectl exalb` shows it: where routes would go, whether it ended, and the plan of a drained node."""

from typing import Any

import pytest

from exalb.api.reasons import Reason
from exalb.api.speaker import DrainCause, DrainReport, DrainState
from exalb.explain.answer import Verdict
from exalb.explain.drain import (
    DrainPreview,
    has_drained,
    has_returned,
    other_cause,
    outcome_sentence,
    preview_drain,
    preview_json,
    preview_sentences,
)
from exalb.explain.node import explain_node
from exalb.explain.status import status
from tests.support import objects
from tests.support.observing import SINCE, down, observed, speaker

ROUTE = "198.51.100.7/32"
REST = (objects.pool("main", "198.51.100.0/24"), objects.peer(), objects.endpoints())
NODES = objects.node("n1", "10.0.0.1"), objects.node("n2", "10.0.0.2")
WEB = objects.assigned_service("web", "198.51.100.7")
LOCAL = objects.assigned_service("web", "198.51.100.7", externalTrafficPolicy="Local")
CORDON = {"state": "Withdrawn", "cause": "Cordon", "since": SINCE}
UNDONE = {**CORDON, "undone": True, "message": "why"}
STALE = objects.condition("Ready", "Unknown", "SpeakerNotReporting", "")


HOLDS = {**CORDON, "state": "Depreferred", "held": 2, "message": "2 Services have no other node"}


def test_drained_nodes_of_one_state_share_a_note() -> None:
    drained = [speaker(name, drain=CORDON) for name in ("n1", "n2")]
    found = status(observed(*REST, WEB, *NODES, *drained)).notes
    assert [(step.reason, step.nodes) for step in found if step.hop == "Drain"] == [
        (Reason.NODE_DRAINING, ("n1", "n2"))
    ]


def test_node_that_holds_prefixes_has_a_note_of_its_own() -> None:
    holds = speaker("n1", drain={**CORDON, "held": 2})
    found = status(observed(*REST, WEB, *NODES, holds, speaker("n2", drain=CORDON))).notes
    assert [step.nodes for step in found if step.hop == "Drain"] == [("n1",), ("n2",)]


@pytest.mark.parametrize(
    ("cause", "undo"),
    [("Cordon", "kubectl uncordon n1"), ("Annotation", "kubectl exalb drain n1 --undo")],
)
def test_node_says_that_it_is_drained_and_how_that_ends(cause: str, undo: str) -> None:
    answer = explain_node(observed(*REST, WEB, *NODES, speaker("n1", drain={**HOLDS, "cause": cause})), "n1")
    [step] = [step for step in answer.steps if step.hop == "Drain"]
    assert (step.reason, step.verdict) == (Reason.NODE_DRAINING, Verdict.NOTE)
    assert step.next.endswith(undo)


RETURNING = {
    "state": "Returning",
    "cause": "Annotation",
    "since": SINCE,
    "returning": {"step": 2, "steps": 4, "announced": "prepend=3", "until": "2026-01-05T08:00:30Z"},
}


@pytest.mark.parametrize("drain", [{**RETURNING, "undone": True}, RETURNING], ids=["now", "older-speaker"])
def test_node_says_in_which_step_of_its_return_it_is(drain: dict[str, Any]) -> None:
    found = observed(*REST, WEB, *NODES, speaker("n1", drain=drain))
    [step] = [step for step in explain_node(found, "n1").steps if step.hop == "Drain"]
    assert "step 2 of 4, with prepend=3; step 3 at 2026-01-05T08:00:30Z" in step.message
    assert "--undo" not in step.next
    [noted] = [step for step in status(found).notes if step.hop == "Drain"]
    assert noted.message == step.message.replace(f" since {SINCE}", "")
    assert noted.next == step.next


@pytest.mark.parametrize("cause", DrainCause)
def test_undone_drain_that_waits_for_kube_proxy_is_not_to_be_undone_again(cause: DrainCause) -> None:
    waits = {**UNDONE, "cause": cause.value}
    starting = objects.condition("DataPlaneHealthy", "False", "NotHealthyYet", "kube-proxy answers 503")
    found = observed(*REST, WEB, *NODES, speaker("n1", drain=waits, conditions=[starting]))
    [step] = [step for step in explain_node(found, "n1").steps if step.hop == "Drain"]
    [noted] = [step for step in status(found).notes if step.hop == "Drain"]
    assert {"node n1 is Withdrawn" in said.message and said.message.endswith(": why") for said in (step, noted)} == {
        True
    }
    assert (step.next, noted.next) == ("see kube-proxy on that node",) * 2


def test_drained_and_undone_nodes_of_one_state_have_notes_of_their_own() -> None:
    drains = CORDON, UNDONE, RETURNING, RETURNING
    speakers = [speaker(f"n{number}", drain=drain) for number, drain in enumerate(drains, 1)]
    found = status(observed(*REST, WEB, *(objects.node(f"n{number}") for number in range(1, 5)), *speakers)).notes
    assert [(step.nodes, step.message.partition(" (")[0]) for step in found if step.hop == "Drain"] == [
        (("n3", "n4"), "nodes n3, n4 return"),
        (("n1",), "1 node is drained, Withdrawn"),
        (("n2",), "node n2 is Withdrawn"),
    ]


def test_last_step_of_a_return_says_when_all_is_as_usual() -> None:
    last = {**RETURNING, "returning": {**RETURNING["returning"], "step": 4}}  # type: ignore[dict-item]
    found = observed(*REST, WEB, *NODES, speaker("n1", drain=last))
    [step] = [step for step in explain_node(found, "n1").steps if step.hop == "Drain"]
    assert "step 4 of 4, with prepend=3; as usual at 2026-01-05T08:00:30Z" in step.message


def test_plan_of_a_node_that_returns_has_the_attributes_of_its_step() -> None:
    found = observed(*REST, WEB, *NODES, speaker("n1", drain=RETURNING))
    [route] = found.plan("n1").sessions["tor"].routes.values()
    assert (route.attributes.as_path_prepend, route.attributes.communities) == (3, ())


def _preview(service: objects.Object, *second: objects.Object) -> DrainPreview:
    """Preview the drain of n1; `second` is the BGPSpeaker of n2, if it has one."""
    return preview_drain(observed(*REST, service, *NODES, speaker("n1"), *second), "n1")


@pytest.mark.parametrize(
    ("service", "second", "idle"),
    [
        pytest.param(WEB, (speaker("n2"),), None, id="another-node-announces-it"),
        pytest.param(LOCAL, (speaker("n2"),), None, id="the-other-has-no-endpoint"),
        pytest.param(WEB, (), "no speaker", id="the-other-has-no-speaker"),
        pytest.param(WEB, (speaker("n2", down()),), "Established", id="the-other-has-no-session"),
        pytest.param(WEB, (speaker("n2", conditions=[STALE]),), "not report", id="the-other-is-silent"),
        pytest.param(WEB, (speaker("n2", drain=CORDON),), "Cordon", id="the-other-is-drained"),
        pytest.param(WEB, (speaker("n2", drain={**CORDON, "state": "Returning"}),), None, id="the-other-returns"),
        pytest.param(WEB, (speaker("n2", drain=UNDONE),), "return waits", id="the-other-waits-to-return"),
    ],
)
def test_preview(service: objects.Object, second: tuple[objects.Object, ...], idle: str | None) -> None:
    preview, entry = _preview(service, *second), {"prefix": ROUTE, "services": ["default/web"]}
    moves = idle is None and service is WEB
    shown = preview_json(preview)
    assert (shown["moved"], shown["alone"]) == (([entry], []) if moves else ([], [entry]))
    assert shown["servicesAlone"] == ([] if moves else ["default/web"])
    assert list(preview.not_counted) == (["n2"] if idle else [])
    assert all((idle or "") in why for why in preview.not_counted.values())


def test_drain_of_the_only_node_has_no_other_node() -> None:
    preview = preview_drain(observed(*REST, WEB, NODES[0], speaker("n1")), "n1")
    assert preview.services_alone == ("default/web",)


@pytest.mark.parametrize(("forced", "says"), [(False, "would take 1 Service down"), (True, "n1 takes 1 Service down")])
def test_services_that_go_down_are_named(forced: bool, says: str) -> None:
    [line] = [line for line in preview_sentences(_preview(LOCAL), forced=forced) if "down" in line]
    assert says in line
    assert "default/web" in line
    assert ("--force" in line) != forced


def test_node_without_a_session_announces_nothing_itself() -> None:
    preview = preview_drain(observed(*REST, WEB, *NODES, speaker("n1", down()), speaker("n2")), "n1")
    assert "announces nothing itself" in preview_sentences(preview, forced=False)[-1]


def _report(
    state: DrainState,
    cause: DrainCause = DrainCause.ANNOTATION,
    held: int = 0,
    message: str = "",
    *,
    undone: bool = False,
) -> DrainReport:
    return DrainReport(state=state, cause=cause, since=SINCE, held=held, message=message, undone=undone)


WAITS, CORDON_WAITS = (
    _report(DrainState.WITHDRAWN, cause, message="why", undone=True)
    for cause in (DrainCause.ANNOTATION, DrainCause.CORDON)
)


@pytest.mark.parametrize(
    ("report", "ends"),
    [
        pytest.param(None, (False, False), id="not-seen-yet"),
        pytest.param(_report(DrainState.WITHDRAWING), (False, False), id="withdrawing"),
        pytest.param(_report(DrainState.WITHDRAWN), (True, True), id="withdrawn"),
        pytest.param(_report(DrainState.WITHDRAWN, held=1), (True, False), id="force-not-seen-yet"),
    ],
)
def test_end_of_a_drain(report: DrainReport | None, ends: tuple[bool, bool]) -> None:
    assert (has_drained(report, forced=False), has_drained(report, forced=True)) == ends


@pytest.mark.parametrize(
    ("report", "ended", "other"),
    [
        pytest.param(None, True, "", id="not-drained"),
        pytest.param(_report(DrainState.WITHDRAWN), False, "", id="undo-not-seen-yet"),
        pytest.param(_report(DrainState.RETURNING), False, "", id="returning"),
        pytest.param(_report(DrainState.RETURNING, DrainCause.CORDON), False, "", id="returning-from-a-cordon"),
        pytest.param(WAITS, False, "", id="waiting-for-kube-proxy"),
        pytest.param(CORDON_WAITS, False, "", id="waiting-after-a-cordon"),
        pytest.param(_report(DrainState.WITHDRAWN, DrainCause.CORDON), True, "kubectl uncordon n1", id="cordoned"),
        pytest.param(_report(DrainState.WITHDRAWN, DrainCause.TAINT), True, "kubectl taint nodes n1", id="tainted"),
    ],
)
def test_end_of_an_undo(report: DrainReport | None, ended: bool, other: str) -> None:
    assert has_returned(report) == ended
    said = other_cause("n1", report)
    assert (bool(said), other in said) == (bool(other), True)


def test_end_of_the_wait_for_an_undo_says_what_the_return_waits_for() -> None:
    assert outcome_sentence("n1", WAITS).endswith(": why")


def test_plan_of_a_reported_drain_is_drained() -> None:
    drain: dict[str, Any] = {"drain": CORDON}
    found = observed(*REST, WEB, *NODES, speaker("n1", **drain), speaker("n2"))
    assert not found.plan("n1").sessions["tor"].routes
    assert found.undrained_plan("n1").sessions["tor"].routes
