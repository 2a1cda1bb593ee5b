"""Broken situations: `exalb explain` finds the first broken step, and agrees with conditions, events and metrics."""

import pytest

from exalb.api.reasons import Reason
from exalb.explain.subject import explain
from tests.support.lan_situations import LAN_CASES, LAN_TITLES, lan_world
from tests.support.objects import assigned_service, node, peer, wants
from tests.support.observing import observed, speaker
from tests.support.situation_titles import TITLES
from tests.support.situations import CASES, EXCLUDED, Case, world
from tests.support.surfaces import surfaces


@pytest.mark.parametrize("case", [*CASES, *LAN_CASES], ids=lambda case: case.id)
def test_first_broken_step(case: Case) -> None:
    found = explain(observed(*case.objects, leader=case.leader), case.subject, "default")
    first = found.first_broken
    assert first is not None, found
    assert (first.reason, first.hop) == (case.reason, case.hop), found
    assert first.next, "a broken step says what to do"
    assert case.says in first.message


def test_more_than_thirty_situations_are_explained() -> None:
    assert len({(case.reason, case.says, case.hop) for case in CASES}) >= 30


def test_titles_are_those_of_situations() -> None:
    assert TITLES.keys() <= {case.id for case in CASES}
    assert LAN_TITLES.keys() <= {case.id for case in LAN_CASES}


OF_SERVICE = {"condition exalb.io/AddressAssigned", "event", "metric exalb_services"}
OF_PEER = {"condition Accepted", "condition Ready", "event", "metric exalb_resources_not_accepted"}
OF_NODE = {"condition AllAnnounced", "metric exalb_bgp_prefixes_withheld"}
OF_SESSION = {"condition Established", "condition Ready"}
OF_KERNEL = {"condition L2Effective"}
OF_L2_ADVERTISEMENT = {"condition Effective"}
OF_SPEAKER = {"condition Ready"}
EXPLAIN_ALONE = {
    *(Reason.SERVICE_NOT_FOUND, Reason.NODE_NOT_FOUND, Reason.UNKNOWN_PEER),
    *(Reason.NOT_LOAD_BALANCER, Reason.CLASS_NOT_OURS, Reason.NO_PEER),
    *(Reason.NO_LEADER, Reason.STATUS_OUTDATED, Reason.SPEAKER_MISSING, Reason.NOT_SENT),
}
"""Reasons about an object that does not exist or is not ExaLB's, or a program that writes nothing."""


def agreeing(case: Case) -> set[str]:
    """Return the conditions, events and metrics that must have the reason, too."""
    if case.reason in EXPLAIN_ALONE or case.hop in ("Service", "Pool") or case.id == "heartbeat-old":
        return set()
    match case.reason, case.hop:
        case Reason.ARP_NOT_STRICT | Reason.REVERSE_PATH_FILTER, _:
            return OF_KERNEL
        case Reason.NO_INTERFACE, _ if case.id != "l2-node-selectors":
            return OF_L2_ADVERTISEMENT
        case _, "L2":
            return set()
        case Reason.SESSIONS_DOWN | Reason.NO_SESSION_WANTED, _:
            return OF_SESSION
        case Reason.ENGINE_NOT_CONNECTED | Reason.SPEAKER_NOT_REPORTING, _:
            return OF_SPEAKER
        case _, "Address":
            return OF_SERVICE
        case _, "Peers":
            return OF_PEER
        case _:
            return OF_NODE


@pytest.mark.parametrize("case", [*CASES, *LAN_CASES], ids=lambda case: case.id)
def test_conditions_events_and_metrics_agree(case: Case) -> None:
    seen = observed(*case.objects, leader=case.leader)
    assert surfaces(seen, case.reason.value) >= agreeing(case)


def test_misspelt_annotation_is_noted() -> None:
    """It stops no traffic, so nothing is broken."""
    seen = observed(*world(service=assigned_service("shop/web", "198.51.100.1", annotations=wants(adresses="x"))))
    [step] = [step for step in explain(seen, "service/shop/web", "default").steps if step.hop == "Annotations"]
    assert step.reason is Reason.UNKNOWN_ANNOTATION
    assert "exalb.io/addresses" in step.message
    assert surfaces(seen, Reason.UNKNOWN_ANNOTATION.value) >= {"condition exalb.io/AnnotationsValid", "event"}


def test_router_that_only_the_node_knows_is_taken_from_its_report() -> None:
    router = peer(peerAddress=None, peerAddressFrom={"defaultGateway": "IPv4"})
    assert explain(observed(*world(peer=router)), "service/shop/web", "default").first_broken is None


def test_well_cluster_has_no_broken_step() -> None:
    seen = observed(*world())
    for subject in ("service/shop/web", "address/198.51.100.1", "peer/tor", "node/n1"):
        assert explain(seen, subject, "default").first_broken is None, subject
    on_lan = observed(*lan_world())
    for subject in ("service/shop/web", "node/n1"):
        assert explain(on_lan, subject, "default").first_broken is None, subject


def test_command_for_excluded_nodes_names_all_of_them() -> None:
    nodes = [node(name, address, **EXCLUDED) for name, address in (("n1", "203.0.113.11"), ("n2", "203.0.113.12"))]
    seen = observed(*world(n1=nodes, speaker=[speaker("n1"), speaker("n2")]))
    first = explain(seen, "service/shop/web", "default").first_broken
    assert first is not None
    assert (first.nodes, "label nodes n1 n2 " in first.next, "the first: " in first.message) == (
        ("n1", "n2"),
        True,
        True,
    )
