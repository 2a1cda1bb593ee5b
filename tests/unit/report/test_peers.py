"""The status of a BGPPeer: its sessions over all nodes, its conditions and columns, and the events about sessions."""

from dataclasses import replace
from typing import Any

import pytest

from exalb.api.schema import Condition
from exalb.kube.manifests import snapshot_of
from exalb.model.parse_custom import parse_speaker
from exalb.model.patches import Changes
from exalb.report.flaps import FLAPS
from tests.support.decisions import changes_of
from tests.support.objects import Object, made, node, peer


def session(state: str = "Established", name: str = "tor", **more: Any) -> Object:
    """Return the row of one session in a BGPSpeaker."""
    return {"peer": name, "state": state, **more}


def speaker(name: str, *sessions: Object, stale: bool = False) -> Object:
    """Return a BGPSpeaker; `stale` is the controller's mark."""
    ready = {"type": "Ready", "status": "True", "reason": "EngineConnected", "lastTransitionTime": made(1)}
    if stale:
        ready |= {"status": "Unknown", "reason": "SpeakerNotReporting"}
    status = {"sessions": list(sessions), "heartbeat": made(1), "conditions": [ready]}
    return {"kind": "BGPSpeaker", "metadata": {"name": name, "uid": name, "resourceVersion": "1"}, "status": status}


def changes(*objects: Object) -> Changes:
    """Return what the controller writes about peers."""
    reports = [found for found in objects if found["kind"] == "BGPSpeaker"]
    cluster, _ = snapshot_of([found for found in objects if found not in reports], "exalb-system")
    cluster = replace(cluster, speakers={found["metadata"]["name"]: parse_speaker(found) for found in reports})
    return changes_of(cluster, made(9))


def status(*objects: Object, name: str = "tor") -> dict[str, Any]:
    """Return the status that the peer is given."""
    (write,) = (write for write in changes(*objects).writes if (write.kind, write.name) == ("BGPPeer", name))
    return dict(write.body["status"])


def conditions(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return status and reason by condition type."""
    return {found["type"]: (found["status"], found["reason"]) for found in status["conditions"]}


ENDED = [f"2026-01-01T07:5{minute}:00.000000Z" for minute in (0, 2, 4, 6)]
"""Four ends in the quarter of an hour before the heartbeat of a speaker."""
UP = ("True", "AllEstablished")
DOWN = ("False", "SessionsDown")
NONE = ("False", "NoSessionWanted")
VALID = ("True", "Accepted")


@pytest.mark.parametrize(
    ("objects", "sessions", "ready", "accepted", "established"),
    [
        pytest.param([peer()], "0/0", NONE, VALID, NONE, id="no-node"),
        pytest.param([peer(), node()], "0/1", DOWN, VALID, DOWN, id="not-reported"),
        pytest.param([peer(), node(), speaker("n1", session("Active"))], "0/1", DOWN, VALID, DOWN, id="down"),
        pytest.param([peer(), node(), speaker("n1", session())], "1/1", VALID, VALID, UP, id="up"),
        pytest.param([peer(), node(), speaker("n1", session(), stale=True)], "0/1", DOWN, VALID, DOWN, id="stale"),
        pytest.param([peer(), node(), speaker("gone", session())], "0/1", DOWN, VALID, DOWN, id="node-is-gone"),
        pytest.param(
            [peer(), node("n1"), node("n2"), speaker("n1", session()), speaker("n2", session("Idle"))],
            "1/2",
            DOWN,
            VALID,
            DOWN,
            id="one-of-two",
        ),
        pytest.param(
            [peer(peerASN=0), node(), speaker("n1", session())],
            "0/0",
            ("False", "InvalidSpec"),
            ("False", "InvalidSpec"),
            NONE,
            id="invalid",
        ),
    ],
)
def test_ready_needs_a_session_on_every_node_that_wants_one(
    objects: list[Object], sessions: str, ready: Any, accepted: Any, established: Any
) -> None:
    found = status(*objects)
    assert found["sessions"] == sessions
    expected = {"Ready": ready, "Accepted": accepted, "Established": established}
    assert {kind: said for kind, said in conditions(found).items() if kind in expected} == expected


def test_template_is_ready_without_a_session() -> None:
    template = peer(nodeSelectors=[{"matchLabels": {"no": "node"}}])
    taking = {"kind": "BGPPeer", "apiVersion": "exalb.io/v1beta1", "metadata": {"name": "rack"}}
    taking["spec"] = {"template": "tor", "peerAddress": "203.0.113.9"}
    found = conditions(status(template, taking, node()))
    assert (found["Ready"], found["Established"]) == (("True", "UsedAsTemplate"), NONE)


def test_message_names_the_first_nodes_without_a_session() -> None:
    reports = [speaker("n1", session("Idle", lastError="no route to host")), speaker("n2", session("Active"))]
    nodes = [node(f"n{number}") for number in range(1, 6)]
    (found,) = (row for row in status(peer(), *nodes, *reports)["conditions"] if row["type"] == "Established")
    for part in ("node n1: no route to host", "node n2: Active", "node n3: its speaker", "and 2 more"):
        assert part in found["message"]


FROM_NODE = {"peerAddress": None, "peerAddressFrom": {"defaultGateway": "IPv4"}, "peerASN": None}
FROM_NODE |= {"peerASNFrom": {"nodeAnnotation": "example.com/asn"}}


def _ends(address: str, asn: int) -> Object:
    return session(peerAddress=address, peerASN=asn)


@pytest.mark.parametrize(
    ("spec", "reports", "address", "asn"),
    [
        pytest.param({}, [], "203.0.113.1", "64513", id="from-the-spec"),
        pytest.param(FROM_NODE, [], None, None, id="nothing-known"),
        pytest.param(FROM_NODE, [_ends("203.0.113.9", 65001)] * 2, "203.0.113.9", "65001", id="reported"),
        pytest.param(
            FROM_NODE,
            [_ends(f"203.0.113.{at}", 65000 + at) for at in range(1, 5)],
            "203.0.113.1, 203.0.113.2 and 2 more",
            "65001, 65002 and 2 more",
            id="of-each-node",
        ),
    ],
)
def test_address_and_asn_are_shown_as_nodes_use_them(
    spec: dict[str, Any], reports: list[Object], address: str | None, asn: str | None
) -> None:
    values = {key: value for key, value in peer(**spec)["spec"].items() if value is not None}
    nodes = [node(f"n{number}") for number, _ in enumerate(reports)]
    speakers = [speaker(f"n{number}", report) for number, report in enumerate(reports)]
    found = status(peer() | {"spec": values}, *nodes, *speakers)
    assert (found.get("address"), found.get("asn")) == (address, asn)


def test_asn_of_a_template_is_shown() -> None:
    taking = {"kind": "BGPPeer", "apiVersion": "exalb.io/v1beta1", "metadata": {"name": "rack"}}
    taking["spec"] = {"template": "tor", "peerAddress": "203.0.113.9"}
    found = status(peer(), taking, node(), name="rack")
    assert (found["address"], found["asn"]) == ("203.0.113.9", "64513")


def _before(established: int, reason: str, wanted: int = 1, message: str = "x") -> Object:
    status = "True" if reason == "AllEstablished" else "False"
    said = {"type": "Established", "status": status, "reason": reason, "message": message}
    said |= {"lastTransitionTime": made(1)}
    return {"established": established, "wanted": wanted, "conditions": [said]}


@pytest.mark.parametrize(
    ("before", "state", "event"),
    [
        pytest.param(None, "Active", None, id="new-and-down"),
        pytest.param(None, "Established", ("Normal", "AllEstablished"), id="new-and-up"),
        pytest.param(_before(0, "SessionsDown"), "Established", ("Normal", "AllEstablished"), id="came-up"),
        pytest.param(_before(1, "AllEstablished"), "Idle", ("Warning", "SessionsDown"), id="went-down"),
        pytest.param(_before(0, "SessionsDown"), "Idle", None, id="still-down"),
        pytest.param(_before(1, "SessionsDown", 2), "Established", ("Normal", "AllEstablished"), id="node-left"),
        pytest.param(_before(0, "SessionsDown"), "flaps", ("Warning", "SessionFlapping"), id="came-up-and-flaps"),
        pytest.param(_before(1, "AllEstablished"), "flaps", ("Warning", "SessionFlapping"), id="flaps-between-reports"),
        pytest.param(_before(1, "SessionFlapping", message=FLAPS), "flaps", None, id="still-flaps"),
        pytest.param(_before(1, "SessionFlapping"), "Idle", ("Warning", "SessionsDown"), id="went-down-again"),
        pytest.param(_before(1, "SessionFlapping"), "Established", None, id="flaps-no-more"),
    ],
)
def test_event_when_sessions_come_up_go_down_or_flap(before: Any, state: str, event: tuple[str, str] | None) -> None:
    known = peer() | ({"status": before} if before else {})
    found = session(ended=ENDED) if state == "flaps" else session(state)
    events = changes(known, node(), speaker("n1", found)).events
    assert [(found.type, found.reason) for found in events] == ([event] if event else [])


@pytest.mark.parametrize(
    ("said", "ended", "event"),
    [
        pytest.param("1 of 2", ENDED, ("Warning", "SessionsDown"), id="begins"),
        pytest.param(f"1 of 2; node n1: {FLAPS}", ENDED, None, id="still-flaps"),
        pytest.param(f"1 of 2; node n1: {FLAPS}", ENDED[1:], None, id="flaps-no-more"),
    ],
)
def test_event_when_a_session_flaps_while_that_of_another_node_is_down(
    said: str, ended: list[str], event: tuple[str, str] | None
) -> None:
    known = peer() | {"status": _before(1, "SessionsDown", 2, said)}
    reports = [speaker("n1", session(ended=ended)), speaker("n2", session("Idle"))]
    events = changes(known, node("n1"), node("n2"), *reports).events
    assert [(found.type, found.reason) for found in events] == ([event] if event else [])
    assert all(f"node n1: {FLAPS}" in found.message for found in events)


def test_session_that_flaps_is_not_ready_though_it_is_established() -> None:
    reports = [speaker("n1", session(ended=ENDED, endedBecause="hold timer expired")), speaker("n2", session())]
    found = status(peer(), node("n1"), node("n2"), *reports)
    said = conditions(found)
    assert (said["Established"], said["Ready"]) == (("True", "SessionFlapping"), ("False", "SessionFlapping"))


def test_session_that_flaps_is_named_next_to_one_that_is_down() -> None:
    nodes = [node(f"n{number}") for number in (1, 2, 3)]
    reports = [speaker("n1", session(ended=ENDED)), speaker("n2", session("Idle")), speaker("n3", session())]
    found = status(peer(), *nodes, *reports)
    said = conditions(found)
    assert (said["Established"], said["Ready"]) == (DOWN, DOWN)
    assert {row["message"] for row in found["conditions"] if row["type"] in ("Established", "Ready")} == {
        f"2 of 3 sessions are Established; node n2: Idle; node n1: {FLAPS}"
    }


LONGEST = "x" * 1024
"""The longest error that a report can have."""


def test_message_has_room_for_the_longest_errors_of_many_nodes() -> None:
    names = [f"n{number}-{'y' * 250}" for number in range(1, 9)]
    flapping = [speaker(name, session(ended=ENDED, endedBecause=LONGEST)) for name in names[:4]]
    down = [speaker(name, session("Idle", lastError=LONGEST)) for name in names[4:]]
    (row,) = (
        row for row in status(peer(), *map(node, names), *flapping, *down)["conditions"] if row["type"] == "Established"
    )
    message = Condition.model_validate(row).message
    assert (message.count(FLAPS), message.count("; and 1 more")) == (3, 2)


@pytest.mark.parametrize(
    "objects",
    [
        pytest.param([node("n1"), speaker("n1", session(ended=ENDED), stale=True)], id="stale-report"),
        pytest.param([speaker("n1", session(ended=ENDED))], id="node-is-gone"),
        pytest.param([node("n1"), speaker("n1", session(ended=ENDED[1:]))], id="three-ends"),
        pytest.param([node("n1"), speaker("n1", session("Idle", ended=ENDED))], id="down-now"),
    ],
)
def test_others_do_not_count_as_flapping(objects: list[Object]) -> None:
    assert "SessionFlapping" not in str(conditions(status(peer(), *objects)))


def test_node_that_wants_no_session_does_not_flap() -> None:
    here = peer(nodeSelectors=[{"matchLabels": {"rack": "a"}}])
    reports = [speaker("n1", session()), speaker("n2", session(ended=ENDED))]
    found = status(here, node("n1", rack="a"), node("n2"), *reports)
    assert conditions(found)["Established"] == UP
