"""What a speaker writes of its sessions, and when it finds that all of it stands there already."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exalb.cluster import Cluster
from exalb.manifests import picture
from exalb.parse_resources import parse_speaker
from exalb.report import speaker_changes
from exalb.routes import RoutePlanner
from exalb_bgp.session import SessionStatus, State
from exalb_bgp.speaker import SpeakerStatus
from tests.unit import objects

BEGAN = datetime(2026, 1, 5, 8, 0, 0, tzinfo=UTC)
UP = SessionStatus(state=State.ESTABLISHED, since=BEGAN)


def _reported(status: SessionStatus, before: dict[str, Any] | None = None, **peer: Any) -> dict[str, Any] | None:
    """Return the status that is written, or None; `before` is what stands there."""
    cluster, _ = picture([objects.node("n1", "10.0.0.1"), objects.peer("tor", **peer)], "exalb-system")
    if before:
        raw = {"metadata": {"name": "n1", "resourceVersion": "7", "uid": "u"}, "spec": {}, "status": before}
        cluster = replace(cluster, speakers={"n1": parse_speaker(raw)})
    return _written(cluster, status)


def _written(cluster: Cluster, status: SessionStatus) -> dict[str, Any] | None:
    plan = RoutePlanner("n1").plan(cluster)
    told = speaker_changes(cluster, plan, SpeakerStatus(True, {"tor": status}), "2026-01-05T09:00:00Z")
    return told.writes[0].body["status"] if told.writes else None


def test_a_session_that_stands_is_not_written_again() -> None:
    before = _reported(UP)
    assert before is not None
    assert before["sessions"][0]["since"] == "2026-01-05T08:00:00Z"
    assert _reported(UP, before) is None


@pytest.mark.parametrize("seconds", [-1, 1, 2])
def test_a_beginning_found_again_to_the_second_is_the_same(seconds: int) -> None:
    assert _reported(replace(UP, since=BEGAN + timedelta(seconds=seconds)), _reported(UP)) is None


def test_a_session_that_came_anew_is_written() -> None:
    written = _reported(replace(UP, since=BEGAN + timedelta(seconds=5)), _reported(UP))
    assert written is not None
    assert written["sessions"][0]["since"] == "2026-01-05T08:00:05Z"


def test_another_state_has_its_own_beginning() -> None:
    written = _reported(SessionStatus(state=State.ACTIVE, since=BEGAN + timedelta(seconds=1)), _reported(UP))
    assert written is not None
    assert written["sessions"][0]["since"] == "2026-01-05T08:00:01Z"


@pytest.mark.parametrize(
    ("agreed", "state", "says"),
    [
        pytest.param(False, State.ESTABLISHED, "(RFC 8950), so these are held back", id="refused"),
        pytest.param(True, State.ESTABLISHED, None, id="agreed"),
        pytest.param(False, State.ACTIVE, None, id="not-yet"),
    ],
)
def test_a_router_that_takes_no_ipv6_next_hops_is_told_of(agreed: bool, state: State, says: str | None) -> None:
    status = SessionStatus(state=state, since=BEGAN, extended_next_hop=agreed)
    written = _reported(status, peerAddress="2001:db8:113::1", extendedNextHop=True)
    assert written is not None
    said = written["sessions"][0].get("lastError")
    assert said is None if says is None else said is not None and says in said
