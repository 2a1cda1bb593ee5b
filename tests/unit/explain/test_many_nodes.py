"""Two hundred nodes in one state share a row: the answer is as short as that about one node."""

from collections.abc import Callable, Iterator

import pytest

from exalb.api.reasons import Reason
from exalb.cli.output import print_answer, print_status
from exalb.explain.status import status
from exalb.explain.subject import explain
from exalb.explain.tables import route_rows
from tests.support.objects import Object, assigned_service, condition, endpoint, endpoints, node, peer, pool
from tests.support.observing import down, observed, speaker
from tests.support.situations import EXCLUDED

COUNT = 200
NODES = [f"n{number}" for number in range(COUNT)]
LINES = 20
"""More than an answer about one node has."""


def silent(number: int) -> Object:
    """Return a speaker that wrote its last heartbeat at another time than the others."""
    return speaker(NODES[number], age=600 + number)


def marked(number: int) -> Object:
    """Return the same after the controller marked it."""
    message = f"the speaker of node {NODES[number]} has written no heartbeat since 2026-01-31T07:00:{number % 60:02}Z"
    return speaker(NODES[number], conditions=[condition("Ready", "Unknown", "SpeakerNotReporting", message)])


def without_engine(number: int) -> Object:
    return speaker(NODES[number], conditions=[condition("Ready", "False", "EngineNotConnected", "ExaBGP is away")])


STATES: dict[str, tuple[Callable[[int], Object | None], Reason | None]] = {
    "well": (lambda number: speaker(NODES[number]), None),
    "session-down": (lambda number: speaker(NODES[number], down(error="connection refused")), Reason.SESSIONS_DOWN),
    "silent": (silent, Reason.SPEAKER_NOT_REPORTING),
    "marked": (marked, Reason.SPEAKER_NOT_REPORTING),
    "without-engine": (without_engine, Reason.ENGINE_NOT_CONNECTED),
    "without-speaker": (lambda _: None, Reason.SPEAKER_MISSING),
}


def cluster(of: Callable[[int], Object | None], **labels: str) -> Iterator[Object]:
    """Yield a cluster of COUNT nodes with their speakers."""
    yield from (pool("main", "198.51.100.0/24"), peer("tor"))
    yield from (assigned_service("shop/web", "198.51.100.1"), endpoints("shop/web", endpoint("10.88.1.2", "n1")))
    for number, name in enumerate(NODES):
        yield node(name, f"203.0.113.{10 + number}", **labels)
        if made := of(number):
            yield made


@pytest.mark.parametrize("name", STATES)
def test_nodes_in_one_state_share_a_row(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    of, reason = STATES[name]
    seen = observed(*cluster(of))
    for subject, hop in (("service/shop/web", "Announcement"), ("peer/tor", "Sessions")):
        found = explain(seen, subject, "default")
        [step] = [step for step in found.steps if step.hop == hop]
        assert (step.reason, set(step.nodes)) == (reason, set(NODES))
        assert f"and {COUNT - 3} more" in step.message
        print_answer(found, wide=False)
        assert len(capsys.readouterr().out.splitlines()) < LINES
    [row] = route_rows(seen)
    assert set(row.nodes) == set(NODES)
    print_status(status(seen))
    assert len(capsys.readouterr().out.splitlines()) < LINES


def test_excluded_nodes_share_a_row() -> None:
    found = explain(
        observed(*cluster(lambda number: speaker(NODES[number]), **EXCLUDED)), "service/shop/web", "default"
    )
    [step] = [step for step in found.steps if step.hop == "Announcement"]
    assert (step.reason, len(step.nodes)) == (Reason.NODE_EXCLUDED, COUNT)


def test_one_node_that_differs_has_a_row_of_its_own() -> None:
    def of(number: int) -> Object:
        return speaker(NODES[number], *([down()] if number == 7 else []))

    found = explain(observed(*cluster(of)), "service/shop/web", "default")
    rows = [step.nodes for step in found.steps if step.hop == "Announcement"]
    assert [len(nodes) for nodes in rows] == [COUNT - 1, 1]
    assert rows[1] == ("n7",)
