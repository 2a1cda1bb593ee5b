"""BFD in the report of a speaker: its state, and why it is not Up."""

from dataclasses import replace
from typing import Any

import pytest

from exalb.kube.manifests import snapshot_of
from exalb.model.parse_custom import parse_speaker
from exalb.report.speaker import speaker_changes
from exalb_bfd.packet import EXPIRED, State
from exalb_bfd.peers import BfdSession, BfdStatus
from exalb_bgp.session import SessionStatus
from exalb_bgp.speaker import SpeakerStatus
from tests.support import objects
from tests.support.decisions import plan_of

UP = BfdSession(
    state=State.UP,
    since=1767600000.4,
    remote_state=State.UP,
    transmit_interval=0.3,
    detection_time=0.9,
    remote_detection_time=1.2,
)


def reported(session: BfdSession | None, *, before: objects.Object | None = None, **bfd: Any) -> dict[str, Any]:
    """Return the report of a session; `before` is the current one."""
    cluster, _ = snapshot_of([objects.node("n1", "10.0.0.1"), objects.peer("tor", bfd=bfd)], "exalb-system")
    if before:
        raw = {"metadata": {"name": "n1", "resourceVersion": "7", "uid": "u"}, "status": {"sessions": [before]}}
        cluster = replace(cluster, speakers={"n1": parse_speaker(raw)})
    plan = plan_of("n1", cluster)
    status = BfdStatus(session is not None, {"tor": session} if session else {})
    engine = SpeakerStatus(True, dict.fromkeys(plan.sessions, SessionStatus()))
    (write,) = speaker_changes(cluster, plan, engine, "2026-01-05T09:00:00Z", status).writes
    found: dict[str, Any] = write.body["status"]["sessions"][0]
    return found


def test_session_that_is_up_has_its_times() -> None:
    assert reported(UP)["bfd"] == {
        "state": "Up",
        "since": "2026-01-05T08:00:00Z",
        "remoteState": "Up",
        "transmitInterval": 300,
        "detectionTime": 900,
        "remoteDetectionTime": 1200,
        "message": "",
    }


@pytest.mark.parametrize(
    ("session", "words"),
    [
        (None, "speaker.bfd.enabled"),
        (BfdSession(problem="no way"), "no way"),
        (BfdSession(), "the router sends no BFD packets"),
        (BfdSession(remote_state=State.DOWN), "not Up yet"),
        (BfdSession(remote_state=State.ADMIN_DOWN), "the router has disabled BFD"),
        (BfdSession(was_up=True, diagnostic=EXPIRED), "control detection time expired"),
        (BfdSession(state=State.ADMIN_DOWN), "on purpose"),
    ],
)
def test_session_that_is_not_up_says_why(session: BfdSession | None, words: str) -> None:
    assert words in reported(session)["bfd"]["message"]


@pytest.mark.parametrize("session", [None, BfdSession(), replace(UP, state=State.DOWN)])
def test_strict_session_that_waits_says_so(session: BfdSession | None) -> None:
    found = reported(session, strict=True)
    assert "bfd.strict" in found["bfd"]["message"]
    assert found["lastError"] == found["bfd"]["message"]


@pytest.mark.parametrize(("state", "since"), [("Up", "2026-01-05T08:00:01Z"), ("Down", "2026-01-05T08:00:00Z")])
def test_beginning_is_not_reported_again_when_it_differs_by_a_second(state: str, since: str) -> None:
    """The report before has the time of the same state, or of another one."""
    before = {"peer": "tor", "state": "Active", "bfd": {"state": state, "since": "2026-01-05T08:00:01Z"}}
    assert reported(UP, before=before)["bfd"]["since"] == since
