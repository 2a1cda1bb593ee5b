"""A session that flaps is named while it is Established, once for all nodes with one cause, beside one that is down."""

from typing import Any

import pytest

from exalb.api.reasons import Reason
from exalb.explain.answer import Step
from exalb.explain.status import status
from exalb.explain.subject import explain
from exalb.explain.tables import peer_rows
from tests.support.objects import Object, condition, endpoint, endpoints, node
from tests.support.observing import FLAPS, observed, session, speaker
from tests.support.situations import world

CLOSED, SHUT = "the TCP connection was closed", "NOTIFICATION the peer sent: cease (administrative shutdown)"
AGAIN = "2026-01-31T07:56:03Z"
SUBJECTS = ("service/shop/web", "peer/tor", "node/n1")


def flapping(name: str = "n1", why: str = CLOSED, **more: Any) -> Object:
    """Return the report of a node whose session flaps."""
    return speaker(name, session(ended=FLAPS, endedBecause=why, **{"since": AGAIN, **more}))


def about_flaps(steps: tuple[Step, ...]) -> list[Step]:
    return [step for step in steps if step.reason is Reason.SESSION_FLAPPING]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_session_that_is_up_is_the_first_broken_step(subject: str) -> None:
    first = explain(observed(*world(speaker=flapping())), subject, "default").first_broken
    assert first is not None
    assert (first.reason, first.hop, first.object) == (Reason.SESSION_FLAPPING, "Sessions", "peer/tor")
    assert (
        f"n1 → tor: the session went down 4 times or more within 15 minutes; the last time: {CLOSED}" in first.message
    )
    assert first.message.endswith(f"; Established again since {AGAIN} or earlier")
    assert "another BGP speaker" in first.next


@pytest.mark.parametrize("subject", SUBJECTS)
def test_step_does_not_ask_for_what_is_done_already(subject: str) -> None:
    """The router enabled the neighbor again, else the session would be down."""
    first = explain(observed(*world(speaker=flapping(why=SHUT))), subject, "default").first_broken
    assert first is not None
    assert "enables it again" in first.next


def test_cause_that_nobody_knows_leads_to_a_step_too() -> None:
    first = explain(observed(*world(speaker=flapping(why=""))), "peer/tor", "default").first_broken
    assert first is not None
    assert "lost packets" in first.next


@pytest.mark.parametrize("subject", SUBJECTS)
def test_session_that_is_down_now_is_named_before(subject: str) -> None:
    raw = flapping(state="Active", lastError="hold timer expired")
    steps = explain(observed(*world(speaker=raw)), subject, "default").steps
    assert all("again" not in step.message for step in about_flaps(steps))
    found = [step.reason for step in steps if step.reason in (Reason.SESSIONS_DOWN, Reason.SESSION_FLAPPING)]
    assert found == [Reason.SESSIONS_DOWN, Reason.SESSION_FLAPPING]


def test_nodes_with_one_cause_share_a_line() -> None:
    nodes = [node(f"n{number}", f"203.0.113.1{number}") for number in (1, 2, 3)]
    both = endpoints("shop/web", *(endpoint(f"10.88.{number}.2", f"n{number}") for number in (1, 2, 3)))
    reports = [flapping("n1"), flapping("n2", since="2026-01-31T07:56:02Z"), flapping("n3", SHUT)]
    seen = observed(*world(n1=nodes, endpoints=both, speaker=reports))
    found = [(step.nodes, step.object) for step in about_flaps(status(seen).problems)]
    assert found == [(("n1", "n2"), "peer/tor"), (("n3",), "peer/tor")]
    assert about_flaps(status(seen).problems)[0].message.endswith(f"; Established again since {AGAIN} or earlier")
    assert [step.nodes for step in about_flaps(explain(seen, "service/shop/web", "default").steps)] == [
        ("n1", "n2"),
        ("n3",),
    ]


def test_row_of_the_session_is_not_good() -> None:
    [row] = peer_rows(observed(*world(speaker=flapping())))
    assert (row.state, row.is_good) == ("Established", False)
    assert row.error.startswith("SessionFlapping: the session went down")


def test_stale_report_says_nothing_about_flaps() -> None:
    mark = condition("Ready", "Unknown", "SpeakerNotReporting", "stale")
    raw = speaker("n1", session(ended=FLAPS), conditions=[mark])
    assert about_flaps(status(observed(*world(speaker=raw))).problems) == []
