"""Heartbeats of speakers: written once a minute, missed for three, and the mark that a controller leaves."""

from typing import Any

from exalb.api.speaker import BGPSpeakerStatus, is_stale
from exalb.api.status import render_status
from exalb.model.cluster import SpeakerReport
from exalb.model.parse_custom import parse_speaker
from exalb.report.controller import same_reports
from exalb.report.heartbeats import SILENT_SECONDS, HeartbeatMonitor, stale_changes
from tests.support.objects import made


def report(version: str = "1", **status: Any) -> SpeakerReport:
    """Return the BGPSpeaker of n1."""
    status = {"heartbeat": made(1), "sessions": [{"peer": "tor", "state": "Established"}], **status}
    metadata = {"name": "n1", "uid": "u", "resourceVersion": version}
    observed = BGPSpeakerStatus.model_validate(status)
    return parse_speaker({"metadata": metadata, "status": render_status(observed)})


def test_silent_after_three_minutes_without_a_write() -> None:
    monitor, speakers = HeartbeatMonitor(), {"n1": report()}
    assert not monitor.silent(speakers, 100.0)
    assert not monitor.silent(speakers, 99.0 + SILENT_SECONDS)
    assert monitor.silent(speakers, 100.0 + SILENT_SECONDS) == {"n1"}


def test_every_write_is_a_sign_of_life() -> None:
    monitor = HeartbeatMonitor()
    monitor.silent({"n1": report("1")}, 0.0)
    monitor.silent({"n1": report("2")}, SILENT_SECONDS - 1)
    assert not monitor.silent({"n1": report("2")}, SILENT_SECONDS + 1)


def test_never_silent_without_a_first_heartbeat() -> None:
    monitor, speakers = HeartbeatMonitor(), {"n1": report(heartbeat=None)}
    monitor.silent(speakers, 0.0)
    assert not monitor.silent(speakers, 10 * SILENT_SECONDS)


def test_deleted_speaker_is_forgotten() -> None:
    monitor = HeartbeatMonitor()
    monitor.silent({"n1": report()}, 0.0)
    assert not monitor.silent({}, SILENT_SECONDS)
    assert not monitor.silent({"n1": report()}, 2 * SILENT_SECONDS)


def test_mark_keeps_the_report_and_is_written_once() -> None:
    kept = {"type": "AllAnnounced", "status": "True", "reason": "NothingWithheld", "lastTransitionTime": made(1)}
    ready = {"type": "Ready", "status": "True", "reason": "EngineConnected", "lastTransitionTime": made(1)}
    speakers = {"n1": report(conditions=[ready, kept])}
    changes = stale_changes(speakers, frozenset({"n1"}), made(9))
    ((write,), (event,)) = changes.writes, changes.events
    assert set(write.body["status"]) == {"conditions"}
    mark, other = write.body["status"]["conditions"]
    assert (mark["type"], mark["status"], mark["reason"]) == ("Ready", "Unknown", "SpeakerNotReporting")
    assert (mark["lastTransitionTime"], other["type"]) == (made(9), "AllAnnounced")
    assert (event.type, event.reason, event.name) == ("Warning", "SpeakerNotReporting", "n1")
    marked = report(conditions=[mark, kept])
    assert is_stale(marked.observed)
    assert not stale_changes({"n1": marked}, frozenset({"n1"}), made(10)).writes


def test_speaker_that_is_gone_is_not_marked() -> None:
    assert not stale_changes({}, frozenset({"n1"}), made(9)).writes


def test_heartbeat_alone_changes_no_report() -> None:
    assert same_reports({"n1": report("1")}, {"n1": report("2", heartbeat=made(2))})
    assert not same_reports({"n1": report("1")}, {"n1": report("2", sessions=[])})
    assert not same_reports({}, {"n1": report()})
