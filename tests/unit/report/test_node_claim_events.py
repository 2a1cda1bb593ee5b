"""Events about a node whose status has the address of a router or of a Service: each once, of the node's BGPSpeaker."""

from typing import Any

import pytest

from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Cluster
from exalb.report.controller import ControllerReporter
from exalb.report.node_claim_events import claim_events
from exalb.validation.rules import validate
from tests.support.decisions import allocation_of
from tests.support.objects import Object, assigned_service, made, node, peer, pool, service
from tests.support.observing import speaker

OWN, ROUTER, VIRTUAL, SECOND = "10.77.0.11", "203.0.113.1", "198.51.100.5", "198.51.100.6"
ANNOTATED = {"example.com/router": OWN}
AROUND = [
    pool("main", "198.51.100.0/24"),
    peer(),
    assigned_service("team/web", VIRTUAL),
    assigned_service("team/api", SECOND),
    service("team/other", "198.51.100.7", loadBalancerClass="example.org/lb"),
]
BY_ANNOTATION = peer("rack", peerAddress=None, peerAddressFrom={"nodeAnnotation": "example.com/router"})


def world(*addresses: str, more: tuple[Object, ...] = (), reporting: bool = True, annotations: Any = None) -> Cluster:
    """Return a cluster in which n1 has these addresses, and a speaker that reports."""
    reports = [speaker("n1"), speaker("n2")] if reporting else []
    nodes = [node("n1", *addresses, annotations=annotations), node("n2", "10.77.0.12")]
    return snapshot_of([*AROUND, *nodes, *reports, *more], "exalb-system")[0]


def found(before: Cluster, after: Cluster) -> list[tuple[str, str, str, str]]:
    events = claim_events(before, after, validate(after))
    return [(event.kind, event.name, event.type, event.reason) for event in events]


def of_n1(reason: str) -> tuple[str, str, str, str]:
    return "BGPSpeaker", "n1", "Warning", reason


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        pytest.param([OWN], [OWN, ROUTER], ["PeerIsNode"], id="router"),
        pytest.param([OWN], [OWN, VIRTUAL], ["AddressInUse"], id="service"),
        pytest.param([OWN], [OWN, ROUTER, VIRTUAL, SECOND], ["PeerIsNode", "AddressInUse"], id="one-for-each-reason"),
        pytest.param([OWN, VIRTUAL], [OWN, VIRTUAL], [], id="known"),
        pytest.param([OWN, ROUTER], [OWN, ROUTER, VIRTUAL], ["AddressInUse"], id="known-router"),
        pytest.param([OWN, VIRTUAL], [VIRTUAL, OWN], [], id="in-another-order"),
        pytest.param([OWN, ROUTER, VIRTUAL], [OWN], [], id="removed"),
        pytest.param([OWN], [OWN, "198.51.100.7"], [], id="service-of-another-controller"),
        pytest.param([OWN], [OWN, "198.51.100.8"], [], id="free-address"),
    ],
)
def test_node_that_states_an_address_of_others(before: list[str], after: list[str], reasons: list[str]) -> None:
    assert found(world(*before), world(*after)) == [of_n1(reason) for reason in reasons]


def test_annotation_that_names_the_node_itself_as_its_router() -> None:
    before, after = (world(OWN, more=(BY_ANNOTATION,), annotations=given) for given in (None, ANNOTATED))
    assert found(before, after) == [of_n1("PeerIsNode")]


def test_node_whose_speaker_appears_has_one_and_a_node_without_speaker_none() -> None:
    silent, reporting = (world(OWN, VIRTUAL, reporting=reports) for reports in (False, True))
    assert found(world(OWN, reporting=False), silent) == []
    assert found(silent, reporting) == [of_n1("AddressInUse")]


def test_events_name_address_and_owner() -> None:
    after = world(OWN, ROUTER, VIRTUAL)
    router, virtual = (event.message for event in claim_events(world(OWN), after, validate(after)))
    assert "BGPPeer tor: node n1 has the address 203.0.113.1" in router
    assert "Node n1 has 198.51.100.5, the address of Service team/web" in virtual


def test_many_claims_are_one_event() -> None:
    crowd = tuple(assigned_service(f"team/s{number}", f"198.51.100.{number}") for number in range(20, 60))
    claimed = [f"198.51.100.{number}" for number in range(20, 60)]
    after = world(OWN, *claimed, more=crowd)
    (event,) = claim_events(world(OWN, more=crowd), after, validate(after))
    assert event.message.endswith("and 37 more")


def test_controller_posts_each_once_and_none_for_what_it_found() -> None:
    reporter = ControllerReporter()

    def posted(cluster: Cluster) -> list[str]:
        changes = reporter.changes(cluster, validate(cluster), allocation_of(cluster), made(1))
        return [event.reason for event in changes.events if event.kind == "BGPSpeaker"]

    quiet, claiming = world(OWN), world(OWN, VIRTUAL)
    assert [posted(cluster) for cluster in (claiming, claiming, quiet, claiming)] == [[], [], [], ["AddressInUse"]]
