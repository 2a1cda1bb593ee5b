"""Whether a driver may go on from what it knows: the table of `resumption`, case by case."""

import pytest

from exalb_bgp.exabgp.driver.resumption import Answer, Counters, Resumption

RUN = Counters("0f7c", events=1_000, commands=40)
EXPECTED = RUN.plus(events=5, commands=3)
"""After a connection that carried 5 events and 3 commands."""


def ended(answers: list[Answer]) -> Resumption:
    """Return the state after that connection, whose last two commands got no answer; outcomes go to `answers`."""
    resumption = Resumption()
    resumption.start(RUN)
    resumption.end(events=5, commands=3, unanswered=[lambda answer, _: answers.append(answer)] * 2)
    return resumption


@pytest.mark.parametrize(
    ("counters", "unread"),
    [
        pytest.param(EXPECTED, 0, id="all-was-read"),
        pytest.param(EXPECTED.plus(commands=-1), 1, id="last-command-was-not-read"),
        pytest.param(EXPECTED.plus(commands=-2), 2, id="two-commands-were-not-read"),
        pytest.param(EXPECTED.plus(commands=-3), None, id="an-answered-command-was-not-read"),
        pytest.param(EXPECTED.plus(commands=1), None, id="more-commands-than-sent"),
        pytest.param(EXPECTED.plus(events=1), None, id="event-was-missed"),
        pytest.param(EXPECTED.plus(events=-1), None, id="fewer-events-than-received"),
        pytest.param(Counters("1e6d", EXPECTED.events, EXPECTED.commands), None, id="another-run-with-equal-counts"),
    ],
)
def test_counters_decide_between_resuming_and_reading(counters: Counters, unread: int | None) -> None:
    assert ended([]).unread(counters) == unread


def test_nothing_is_known_before_the_first_connection() -> None:
    assert Resumption().unread(RUN) is None


def test_connection_that_ended_before_the_handshake_leaves_nothing_known() -> None:
    resumption = ended([])
    resumption.end(events=0, commands=0, unanswered=[])
    assert resumption.unread(EXPECTED) is None


@pytest.mark.parametrize(
    ("unread", "outcomes"),
    [
        (0, [Answer.DONE, Answer.DONE]),
        (1, [Answer.DONE, Answer.UNANSWERED]),
        (2, [Answer.UNANSWERED, Answer.UNANSWERED]),
    ],
)
def test_commands_were_executed_except_the_last_unread_ones(unread: int, outcomes: list[Answer]) -> None:
    answers = list[Answer]()
    ended(answers).settle(unread)
    assert answers == outcomes
