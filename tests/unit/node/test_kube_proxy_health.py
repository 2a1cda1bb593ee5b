"""When a node counts as forwarding, answer by answer: `+` healthy, `-` unhealthy, `.` silence."""

from functools import reduce

import pytest

from exalb.model.local_node import DataPlane
from exalb.node.kube_proxy_health import HealthState, ProbeResult, begin, fold, pause

ANSWERS = {"+": ProbeResult.HEALTHY, "-": ProbeResult.UNHEALTHY, ".": ProbeResult.SILENT}
UNKNOWN, UP, DOWN, STARTING = None, DataPlane.UP, DataPlane.DOWN, DataPlane.STARTING
UNWATCHED, IGNORED = DataPlane.NOT_MONITORED, DataPlane.PROBE_IGNORED


def folded(before: DataPlane | None, answers: str) -> HealthState:
    """Return what is known after these answers."""
    return reduce(fold, (ANSWERS[sign] for sign in answers), begin(before))


@pytest.mark.parametrize(
    ("before", "answers", "state"),
    [
        pytest.param(None, "", UNKNOWN, id="no-answer-yet"),
        pytest.param(None, "+", UP, id="healthy-at-once"),
        pytest.param(None, "-", STARTING, id="not-healthy-yet"),
        pytest.param(None, "-+", UP, id="healthy-at-last"),
        pytest.param(None, "." * 9, UNKNOWN, id="silence-at-the-start"),
        pytest.param(None, "." * 10, UNWATCHED, id="nothing-is-there"),
        pytest.param(None, "." * 9 + "-", STARTING, id="something-is-there"),
        pytest.param(None, "-" + "." * 10, STARTING, id="it-was-there"),
        pytest.param(None, "-" * 59, STARTING, id="a-minute-is-not-over"),
        pytest.param(None, "-" * 60, IGNORED, id="a-minute-is-over"),
        pytest.param(None, "-" * 80, IGNORED, id="given-up-for-good"),
        pytest.param(None, "-" * 80 + "+", UP, id="given-up-too-early"),
        pytest.param(None, "-" * 80 + "+---", DOWN, id="what-was-healthy-once-must-be"),
        pytest.param(None, "." * 10 + "--", UNWATCHED, id="two-bad-answers-late"),
        pytest.param(None, "." * 10 + "---", STARTING, id="it-comes-late"),
        pytest.param(None, "." * 10 + "---" + "-" * 56, STARTING, id="it-comes-late-and-has-its-minute"),
        pytest.param(None, "." * 10 + "---" + "-" * 57, IGNORED, id="it-comes-late-and-its-minute-is-over"),
        pytest.param(None, "." * 10 + "+", UP, id="it-comes-late-and-well"),
        pytest.param(None, "+--", UP, id="two-bad-answers"),
        pytest.param(None, "+---", DOWN, id="three-bad-answers"),
        pytest.param(None, "+--+--", UP, id="two-and-two"),
        pytest.param(None, "+....", UP, id="silent-while-it-is-replaced"),
        pytest.param(None, "+.....", DOWN, id="silent-for-too-long"),
        pytest.param(None, "+.-.-.", DOWN, id="now-this-now-that"),
        pytest.param(None, "+---+", DOWN, id="one-good-answer-is-not-enough"),
        pytest.param(None, "+---+-+", DOWN, id="nor-are-two-apart"),
        pytest.param(None, "+---++", UP, id="two-are"),
        pytest.param(None, "+---" + "-" * 500, DOWN, id="down-stays-down"),
        pytest.param(UP, "", UNKNOWN, id="again-no-answer-yet"),
        pytest.param(UP, "+", UP, id="again-healthy"),
        pytest.param(UP, "--", UNKNOWN, id="again-two-bad-answers"),
        pytest.param(UP, "---", DOWN, id="again-three-bad-answers"),
        pytest.param(UP, "....", UNKNOWN, id="again-silent"),
        pytest.param(UP, ".....", DOWN, id="again-silent-too-long"),
        pytest.param(DOWN, "-----", DOWN, id="still-down"),
        pytest.param(DOWN, "+", UP, id="up-meanwhile"),
        pytest.param(STARTING, "-", STARTING, id="again-not-healthy-yet"),
        pytest.param(STARTING, "." * 10, UNWATCHED, id="gone-meanwhile"),
        pytest.param(UNWATCHED, "", UNWATCHED, id="again-nobody-waits"),
        pytest.param(UNWATCHED, "." * 100, UNWATCHED, id="again-nothing-is-there"),
        pytest.param(UNWATCHED, "+", UP, id="there-since-then"),
        pytest.param(UNWATCHED, "---", STARTING, id="there-and-not-healthy-yet"),
        pytest.param(IGNORED, "-" * 70, IGNORED, id="again-given-up"),
        pytest.param(IGNORED, "." * 70, IGNORED, id="again-given-up-and-silent"),
        pytest.param(IGNORED, "+", UP, id="again-given-up-too-early"),
    ],
)
def test_gate(before: DataPlane | None, answers: str, state: DataPlane | None) -> None:
    assert folded(before, answers).state is state


@pytest.mark.parametrize("before", [None, *DataPlane])
@pytest.mark.parametrize("answer", ANSWERS)
def test_decided_state_stays(before: DataPlane | None, answer: str) -> None:
    """There is always an answer within ten seconds, and never none after that."""
    gate, decided = begin(before), False
    for number, sign in enumerate(answer * 40 + "+-." * 10):
        gate = fold(gate, ANSWERS[sign])
        assert not decided or gate.state
        decided = gate.state is not None
        assert decided or number < 10


@pytest.mark.parametrize(
    ("answers", "seconds"),
    [("", 1), ("+", 1), ("+.....", 1), ("-", 1), ("." * 9, 1), ("." * 10, 5), ("." * 10 + "-", 1), ("-" * 60, 1)],
)
def test_probes_are_rare_only_where_nothing_answers(answers: str, seconds: float) -> None:
    assert pause(folded(None, answers)) == seconds
