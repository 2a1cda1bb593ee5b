"""The events about a drain: of the node's BGPSpeaker, each once, none for what was there before."""

from dataclasses import replace
from typing import Any

from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import SpeakerReport
from exalb.model.parse_custom import parse_speaker
from exalb.report.controller import ControllerReporter
from exalb.report.drain_events import drain_events
from exalb.validation.rules import validate
from tests.support.decisions import allocation_of
from tests.support.objects import made, node, peer, pool
from tests.support.observing import speaker


def report(state: str | None = None, *, held: int = 0) -> dict[str, SpeakerReport]:
    """Return the BGPSpeaker of n1 in this state of a drain."""
    drain: dict[str, Any] = {"state": state, "cause": "Annotation", "since": made(1), "held": held, "message": "kept"}
    return {"n1": parse_speaker(speaker("n1", drain=drain) if state else speaker("n1"))}


def reasons(before: dict[str, SpeakerReport], after: dict[str, SpeakerReport]) -> list[tuple[str, str]]:
    return [(event.type, event.reason) for event in drain_events(before, after)]


def test_each_piece_of_news_has_its_event() -> None:
    assert reasons(report(), report("Depreferred", held=1)) == [
        ("Normal", "DrainBegun"),
        ("Warning", "DrainHoldsPrefixes"),
    ]
    assert reasons(report("Depreferred", held=1), report("Withdrawn", held=1)) == [("Normal", "DrainWithdrawn")]
    assert reasons(report("Withdrawn"), report("Returning")) == [("Normal", "DrainUndone")]
    assert reasons(report("Withdrawn"), report()) == [("Normal", "DrainUndone")]


def test_event_is_about_the_speaker_and_names_what_is_held() -> None:
    events = list(drain_events({}, report("Withdrawn", held=1)))
    assert {(event.kind, event.name, event.namespace) for event in events} == {("BGPSpeaker", "n1", None)}
    assert [event.message for event in events if event.reason == "DrainHoldsPrefixes"] == ["kept"]
    assert " 1 " in events[-1].message
    [undone] = drain_events(report("Withdrawn"), report())
    assert "n1" in undone.message
    [without] = (event for event in drain_events(report("Depreferred"), report("Withdrawn")))
    assert "except" not in without.message


def test_deleted_speaker_has_none() -> None:
    assert reasons(report("Withdrawn"), {}) == []


def test_controller_posts_each_once_and_none_for_what_it_found() -> None:
    cluster, _ = snapshot_of([pool("main", "198.51.100.0/24"), peer(), node()], "exalb-system")
    rules, allocation, reporter = validate(cluster), allocation_of(cluster), ControllerReporter()

    def posted(speakers: dict[str, SpeakerReport]) -> list[str]:
        changes = reporter.changes(replace(cluster, speakers=speakers), rules, allocation, made(1))
        return [event.reason for event in changes.events if event.reason.startswith("Drain")]

    drained = report("Withdrawn")
    assert posted(drained) == []
    assert posted(drained) == []
    undone = report()
    assert posted(undone) == ["DrainUndone"]
    assert posted(undone) == []
