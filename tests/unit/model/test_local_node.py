"""What the node's own view does to its plan and to its BGPSpeaker, and what of it the next speaker reads there."""

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from exalb.analysis.plan import plan
from exalb.announcement.planner import RoutePlanner
from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Cluster, SpeakerReport
from exalb.model.local_node import DataPlane, Gateway, LocalNode
from exalb.model.parse_custom import parse_speaker
from exalb.report.speaker import data_plane_before, speaker_changes
from exalb.validation.rules import validate
from exalb_bgp.session import Family
from exalb_bgp.speaker import SpeakerStatus
from tests.support.decisions import plan_of
from tests.support.objects import assigned_service, endpoints, node, peer, pool

NOW = "2026-01-09T08:00:00Z"
WEB = [
    pool("main", "198.51.100.7/32"),
    assigned_service("web", "198.51.100.7"),
    endpoints(),
    peer(),
    node("n1", "10.77.0.11"),
]


def cluster(host: LocalNode, *more: Any) -> Cluster:
    """Return a picture with one Service that is served everywhere, as the speaker of n1 has it."""
    return replace(snapshot_of([*WEB, *more], "exalb-system")[0], host=host)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (DataPlane.UP, True),
        (DataPlane.NOT_MONITORED, True),
        (DataPlane.PROBE_IGNORED, True),
        (DataPlane.STARTING, False),
        (DataPlane.DOWN, False),
    ],
)
def test_a_node_tells_nothing_while_it_does_not_forward(state: DataPlane, told: bool) -> None:
    session = plan_of("n1", cluster(LocalNode({}, state, "it answers 503"))).sessions["tor"]
    assert bool(session.rib) is told
    reasons = [(refusal.reason.value, refusal.message) for refusal in session.withheld.values()]
    sentence = "node n1 does not forward traffic for Services: it answers 503"
    assert reasons == ([] if told else [("DataPlaneDown", sentence)])


def test_down_and_up_again() -> None:
    planner = RoutePlanner("n1")
    up, down = cluster(LocalNode({}, DataPlane.UP, "well")), cluster(LocalNode({}, DataPlane.DOWN, "dead"))
    before, meanwhile, after = (planner.plan(one, validate(one)) for one in (up, down, up))
    assert (len(before.sessions["tor"].rib), len(meanwhile.sessions["tor"].rib)) == (1, 0)
    assert after.speaker == before.speaker
    assert before.speaker.sessions["tor"] is meanwhile.speaker.sessions["tor"]


def report(host: LocalNode, *more: Any, before: SpeakerReport | None = None) -> dict[str, Any]:
    """Return the status that the speaker of n1 writes."""
    seen = cluster(host, *more)
    seen = replace(seen, speakers={"n1": before}) if before else seen
    changes = speaker_changes(seen, plan_of("n1", seen), SpeakerStatus(connected=True), NOW)
    status: dict[str, Any] = changes.writes[0].body["status"]
    return status


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (DataPlane.UP, "True"),
        (DataPlane.NOT_MONITORED, "Unknown"),
        (DataPlane.PROBE_IGNORED, "Unknown"),
        (DataPlane.STARTING, "False"),
        (DataPlane.DOWN, "False"),
    ],
)
def test_the_data_plane_is_reported_and_read_back(state: DataPlane, status: str) -> None:
    written = report(LocalNode({}, state, "so it says"))
    (condition,) = (one for one in written["conditions"] if one["type"] == "DataPlaneHealthy")
    assert (condition["status"], condition["reason"], condition["message"]) == (status, state.value, "so it says")
    assert data_plane_before(parse_speaker({"metadata": {"name": "n1"}, "status": written})) is state


@pytest.mark.parametrize("status", [{}, {"conditions": [{"type": "DataPlaneHealthy", "reason": "OfAnotherVersion"}]}])
def test_what_was_not_reported_is_not_known(status: Any) -> None:
    assert data_plane_before(None) is None
    assert data_plane_before(parse_speaker({"metadata": {"name": "n1"}, "status": status})) is None


def test_a_session_that_is_not_there_is_reported_with_the_reason() -> None:
    gateway = peer("gw", peerAddressFrom={"defaultGateway": "IPv4"})
    del gateway["spec"]["peerAddress"]
    missing, _ = report(LocalNode({}), gateway)["sessions"]
    assert missing == {
        "peer": "gw",
        "state": "Idle",
        "prefixesWanted": 0,
        "prefixesSent": 0,
        "announced": [],
        "lastError": "node n1 has no IPv4 default route to a router",
    }
    there, _ = report(LocalNode({Family.IPV4: Gateway(ip_address("203.0.113.9"), "eth0")}), gateway)["sessions"]
    assert there["peerAddress"] == "203.0.113.9"


def test_a_plan_without_a_cluster_knows_nothing_of_the_node() -> None:
    assert plan(snapshot_of(WEB, "exalb-system")[0]).nodes[0].sessions["tor"].rib
