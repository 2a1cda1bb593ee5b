"""The preview of a drain of a node that announces addresses on its LAN."""

from typing import Any

import pytest

from exalb.explain.drain import DrainPreview, preview_drain, preview_json, preview_sentences
from tests.support import objects
from tests.support.objects import Object, assigned_service, endpoints, l2_advertisement, l2_speaker, node, pool
from tests.support.observing import observed

PACKED = ["10.0.0.0/24 AAAAAAAAAAAAAAAAEA"]
"""10.0.0.100 alone."""
HOLDS: Any = {"announced": PACKED, "addresses": 1}


def speaker(number: int, *, l2: Any = None, **more: Any) -> Object:
    """Return the BGPSpeaker of a node on the LAN, without sessions."""
    return l2_speaker(f"n{number}", f"10.0.0.{number}/24", l2=l2 or {}, heartbeat="2026-01-31T07:59:00Z", **more)


def preview(*changed: Object, policy: str = "Cluster") -> DrainPreview:
    """Preview the drain of n1, which announces the address; objects of `changed` replace others."""
    raw = [
        *(pool("lan", "10.0.0.100-10.0.0.200"), l2_advertisement(), endpoints("web")),
        assigned_service("web", "10.0.0.100", externalTrafficPolicy=policy),
        *(node("n1", "10.0.0.1"), node("n2", "10.0.0.2"), speaker(1, l2=HOLDS), speaker(2)),
    ]
    found = {(one["kind"], one["metadata"]["name"]): one for one in (*raw, *changed)}
    return preview_drain(observed(*found.values()), "n1")


DRAINED = {"state": "Withdrawn", "cause": "Cordon", "since": "2026-01-30T08:00:00Z"}
STALE = objects.condition("Ready", "Unknown", "SpeakerNotReporting", "")


@pytest.mark.parametrize(
    ("changed", "policy", "follows"),
    [
        pytest.param((), "Cluster", "n2", id="the-other-node-follows"),
        pytest.param((), "Local", "", id="the-other-has-no-endpoint"),
        pytest.param((speaker(2, l2={"connected": False}),), "Cluster", "", id="its-process-does-not-answer"),
        pytest.param((speaker(2, conditions=[STALE]),), "Cluster", "", id="it-does-not-report"),
        pytest.param((speaker(2, drain=DRAINED),), "Cluster", "", id="it-is-drained"),
        pytest.param((l2_speaker("n2", "192.0.2.2/24"),), "Cluster", "", id="it-is-on-another-lan"),
    ],
)
def test_address_moves_as_it_is_planned(changed: tuple[Object, ...], policy: str, follows: str) -> None:
    found = preview(*changed, policy=policy)
    [move] = found.lan
    assert (str(move.address), move.services, move.follows) == ("10.0.0.100", ("default/web",), follows)
    assert found.services_alone == (() if follows else ("default/web",))
    [entry] = preview_json(found)["lan"]
    assert entry["follows"] == (follows or None)
    line = preview_sentences(found, forced=False)[1]
    assert ("1 addresses move" in line) == bool(follows)


def test_node_that_does_not_announce_the_address_loses_nothing() -> None:
    found = preview(speaker(1), speaker(2, l2=HOLDS))
    assert found.lan == ()
    assert found.not_counted == {}


def test_sessions_that_no_node_wants_are_not_missed() -> None:
    assert "n2" not in preview().not_counted
    assert "no session" in preview(speaker(2, wanted=1)).not_counted["n2"]
