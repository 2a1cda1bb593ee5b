"""The metrics of both programs about small clusters."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from exalb.announcement.planner import RoutePlanner
from exalb.api.bfd import Bfd
from exalb.kube.manifests import snapshot_of
from exalb.model.local_node import DataPlane
from exalb.programs import controller_metrics, speaker_metrics
from exalb.programs.speaker_metrics import Propagation
from exalb.runtime.exposition import Family
from exalb.validation.rules import validate
from exalb_bfd.packet import State as BfdState
from exalb_bfd.peers import BfdCounts, BfdSession, BfdStatus
from exalb_bgp.session import SessionCounts, SessionStatus, State
from exalb_bgp.speaker import SpeakerStatus
from tests.support.decisions import allocation_of, plan_of
from tests.support.objects import Object, assigned_service, endpoint, endpoints, node, peer, pool, service

BASE = [pool("main", "198.51.100.0/30"), peer("tor"), node("n1", "10.77.0.11")]
WEB = [assigned_service("web", "198.51.100.1"), endpoints("web")]
UP = SessionStatus(State.ESTABLISHED, sent=1, counts=SessionCounts(established=2, closed=1, updates=7))
SENDING = replace(UP, settled=False)
DOWN = SessionStatus(State.ACTIVE)


def samples(families: Iterable[Family]) -> dict[tuple[str, ...], float]:
    """Return each sample by its name and the values of its labels."""
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def controller(*objects: Object) -> dict[tuple[str, ...], float]:
    """Return the metrics of a controller about these objects."""
    cluster, _ = snapshot_of([*BASE, *objects], "exalb-system")
    return samples(controller_metrics.decisions(cluster, validate(cluster), allocation_of(cluster)))


def speaker(status: SessionStatus, *objects: Object) -> dict[tuple[str, ...], float]:
    """Return the metrics of the speaker of n1 about these objects."""
    cluster, _ = snapshot_of([*BASE, *objects], "exalb-system")
    return samples(speaker_metrics.sessions(plan_of("n1", cluster), SpeakerStatus(True, {"tor": status})))


def test_services_are_counted_by_state_and_reason() -> None:
    full = [service(f"s{number}") for number in range(6)]
    found = controller(*full)
    assert found["exalb_services", "assigned", "Assigned"] == 4
    assert found["exalb_services", "pending", "PoolExhausted"] == 2
    assert found["exalb_pool_capacity", "main", "IPv4"] == found["exalb_pool_assigned", "main", "IPv4"] == 4


def test_no_service_is_a_zero() -> None:
    assert controller()["exalb_services", "assigned", "Assigned"] == 0


def test_resource_that_is_not_accepted_is_counted_once() -> None:
    found = controller(pool("wrong", "no address", "no range"))
    assert found["exalb_resources", "IPAddressPool"] == 2
    assert found["exalb_resources", "Community"] == 0
    wrong = {labels: count for labels, count in found.items() if labels[0] == "exalb_resources_not_accepted"}
    assert list(wrong.values()) == [1]
    assert [labels[1] for labels in wrong] == ["IPAddressPool"]


def test_session_has_its_counters() -> None:
    found = speaker(UP, *WEB)
    assert found["exalb_bgp_session_established", "tor"] == 1
    assert found["exalb_bgp_session_transitions_total", "tor", "established"] == 2
    assert found["exalb_bgp_session_transitions_total", "tor", "closed"] == 1
    assert found["exalb_bgp_updates_sent_total", "tor"] == 7
    assert found["exalb_bgp_prefixes_wanted", "tor"] == found["exalb_bgp_prefixes_sent", "tor"] == 1
    assert found["exalb_bgp_session_info", "tor", "203.0.113.1", "64513", "64512"] == 1


UNOPENED = {
    "no-annotation": peer("gw", peerAddress=None, peerAddressFrom={"nodeAnnotation": "example.com/router"}),
    "no-gateway": peer("gw", peerAddress=None, peerAddressFrom={"defaultGateway": "IPv4"}),
    "own-address": peer("gw", peerAddress="10.77.0.11"),
}


@pytest.mark.parametrize("why", UNOPENED)
def test_session_that_cannot_be_opened_has_its_series(why: str) -> None:
    """The documented alert asks for sessions that are not Established: without a series it would be silent."""
    found = speaker(UP, UNOPENED[why], *WEB)
    assert found["exalb_bgp_session_established", "tor"] == 1
    assert found["exalb_bgp_session_established", "gw"] == 0
    assert found["exalb_bgp_prefixes_sent", "gw"] == found["exalb_bgp_prefixes_wanted", "gw"] == 0
    assert found["exalb_bgp_session_transitions_total", "gw", "established"] == 0


def test_withheld_routes_are_counted_by_reason() -> None:
    found = speaker(DOWN, *WEB, assigned_service("idle", "198.51.100.2"), endpoints("idle", endpoint(ready=False)))
    assert found["exalb_bgp_session_established", "tor"] == 0
    withheld = {labels[1:]: count for labels, count in found.items() if labels[0] == "exalb_bgp_prefixes_withheld"}
    assert withheld == {("tor", "NoReadyEndpoints"): 1}


def test_data_plane_is_one_state() -> None:
    found = samples([speaker_metrics.data_plane(DataPlane.DOWN)])
    assert found["exalb_data_plane_state", "DataPlaneDown"] == 1
    assert sum(found.values()) == 1
    assert len(found) == len(DataPlane)


def test_bfd_has_metrics_where_a_peer_asks_for_it() -> None:
    counts = BfdCounts(up=2, down=1, late=3, dropped=4)
    status = BfdStatus(True, {"tor": BfdSession(BfdState.UP, counts=counts)})
    plan = plan_of("n1", snapshot_of(BASE, "exalb-system")[0])
    asking = replace(plan, sessions={"tor": replace(plan.sessions["tor"], bfd=Bfd())})
    with_bfd, without = (samples(speaker_metrics.bfd(each, status)) for each in (asking, plan))
    assert sorted(with_bfd.values()) == [1, 1, 2, 3, 4]
    assert not without


@pytest.mark.parametrize(
    ("statuses", "observed"),
    [
        pytest.param([SENDING, SENDING, UP], [4.0], id="sent"),
        pytest.param([UP], [], id="nothing-to-send"),
        pytest.param([SENDING, DOWN, UP], [], id="session-ends"),
    ],
)
def test_propagation_ends_with_the_last_update(statuses: list[SessionStatus], observed: list[float]) -> None:
    """The change began at 10; the first status is that right after the plan, and each next one is 2 seconds later."""
    planner, seconds = RoutePlanner("n1"), list[float]()
    before, plan = (
        planner.plan(cluster, validate(cluster))
        for cluster, _ in (snapshot_of([*BASE, *more], "exalb-system") for more in ([], WEB))
    )
    propagation = Propagation(seconds.append)
    propagation.planned(before, plan, SpeakerStatus(True, {"tor": statuses[0]}), 10.0)
    for step, status in enumerate(statuses[1:], start=1):
        propagation.seen(SpeakerStatus(True, {"tor": status}), 10.0 + 2 * step)
    assert seconds == observed


def test_change_of_another_session_is_not_measured() -> None:
    """A session that sends its first table after it came up is not slow."""
    cluster, _ = snapshot_of([*BASE, *WEB], "exalb-system")
    plan, seconds = plan_of("n1", cluster), list[float]()
    propagation = Propagation(seconds.append)
    propagation.planned(plan, plan, SpeakerStatus(True, {"tor": SENDING}), 10.0)
    propagation.seen(SpeakerStatus(True, {"tor": UP}), 12.0)
    assert seconds == []
