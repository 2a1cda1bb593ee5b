"""Events about BFD sessions and about addresses that another host answers for: each once, of the node's BGPSpeaker."""

from dataclasses import replace
from typing import Any

import pytest

from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import SpeakerReport
from exalb.model.parse_custom import parse_speaker
from exalb.report.controller import ControllerReporter
from exalb.report.failure_events import failure_events
from exalb.validation.rules import validate
from tests.support.decisions import allocation_of
from tests.support.objects import l2_speaker, made, node, peer, pool
from tests.support.observing import speaker

CONFLICT = {"address": "198.51.100.7", "mac": "02:00:00:00:00:99"}
OTHER = {"address": "198.51.100.8", "mac": "02:00:00:00:00:99", "node": "n2"}


def bfd(state: str | None) -> dict[str, SpeakerReport]:
    """Return the BGPSpeaker of n1, whose BFD session with `tor` is in this state; None is no BFD."""
    report = {"state": state, "since": made(1), "message": "no packet came"}
    session: dict[str, Any] = {"peer": "tor", "state": "Established"} | ({"bfd": report} if state else {})
    return {"n1": parse_speaker(speaker("n1", session))}


def lan(*conflicts: dict[str, str]) -> dict[str, SpeakerReport]:
    """Return the BGPSpeaker of n1 with these conflicts."""
    return {"n1": parse_speaker(l2_speaker("n1", "10.0.0.1/24", l2={"conflicts": list(conflicts)}))}


def found(before: dict[str, SpeakerReport], after: dict[str, SpeakerReport]) -> list[tuple[str, str, str, str]]:
    return [(event.kind, event.name, event.type, event.reason) for event in failure_events(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        pytest.param("Up", "Down", [("Warning", "BFDDown")], id="down"),
        pytest.param("Up", "AdminDown", [("Warning", "BFDDown")], id="closed-by-the-router"),
        pytest.param("Down", "Init", [], id="on-its-way"),
        pytest.param("Init", "Up", [("Normal", "BFDUp")], id="up"),
        pytest.param("Up", "Up", [], id="stays-up"),
        pytest.param(None, "Down", [], id="asked-for-now"),
        pytest.param("Up", None, [], id="asked-for-no-longer"),
    ],
)
def test_bfd_session_that_leaves_up_or_reaches_it(
    before: str | None, after: str | None, reasons: list[tuple[str, str]]
) -> None:
    assert found(bfd(before), bfd(after)) == [("BGPSpeaker", "n1", *reason) for reason in reasons]


def test_conflict_has_one_event() -> None:
    one = [("BGPSpeaker", "n1", "Warning", "AddressConflict")]
    assert found(lan(), lan(CONFLICT)) == one
    assert found(lan(CONFLICT), lan(CONFLICT, OTHER)) == one
    assert found(lan(CONFLICT), lan()) == []


def test_speaker_that_appears_or_goes_has_none() -> None:
    assert found({}, bfd("Down")) == found(bfd("Up"), {}) == []


def test_controller_posts_each_once_and_none_for_what_it_found() -> None:
    cluster, _ = snapshot_of([pool("main", "198.51.100.0/24"), peer(), node()], "exalb-system")
    rules, allocation, reporter = validate(cluster), allocation_of(cluster), ControllerReporter()

    def posted(speakers: dict[str, SpeakerReport]) -> list[str]:
        changes = reporter.changes(replace(cluster, speakers=speakers), rules, allocation, made(1))
        return [event.reason for event in changes.events if event.reason.startswith("BFD")]

    up, down = bfd("Up"), bfd("Down")
    assert [posted(reports) for reports in (up, down, down, up)] == [[], ["BFDDown"], [], ["BFDUp"]]
