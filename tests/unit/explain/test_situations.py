"""Broken situations: `exalb explain` finds the first broken step, and all other places agree with it."""

import pytest

from exalb.api.reasons import Reason
from exalb.explain.subject import explain
from tests.support.lan_situations import LAN_CASES, LAN_TITLES, lan_world
from tests.support.objects import assigned_service, node, peer, wants
from tests.support.observing import observed, speaker
from tests.support.session_faults import SEEN
from tests.support.situation_titles import TITLES
from tests.support.situations import CASES, EXCLUDED, Case, world
from tests.support.surfaces import reasons, surfaces


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


PAGE = "page Status"
OF_SERVICE = {
    *("condition exalb.io/AddressAssigned", "event on Service", "metric exalb_services", "page Services", PAGE)
}
OF_PEER = {"condition Accepted", "condition Ready", "event on BGPPeer", "metric exalb_resources_not_accepted", PAGE}
OF_NODE = {"condition AllAnnounced", "metric exalb_bgp_prefixes_withheld", PAGE}
ABOUT_ALL_ROUTES = {"condition AllAnnounced", PAGE}
"""Their reason is SomeWithheld, and the message has the reason of each route."""
OF_SPEAKER = {"condition Ready", "event on BGPSpeaker", "metric exalb_speakers_silent", "page Sessions", PAGE}
OF_REASON: dict[Reason, set[str]] = {
    **{reason: {"page Sessions", PAGE, *places} for reason, places in SEEN.items()},
    Reason.NO_SESSION_WANTED: {"condition Established", "condition Ready", "event on BGPPeer", PAGE},
    Reason.SPEAKER_MISSING: {"page Sessions", PAGE},
    Reason.NO_LEADER: {PAGE},
    Reason.STATUS_OUTDATED: {PAGE},
    Reason.ARP_NOT_STRICT: {"condition L2Effective", PAGE},
    Reason.REVERSE_PATH_FILTER: {"condition L2Effective", PAGE},
    Reason.ADDRESS_CONFLICT: {"event on BGPSpeaker", "metric exalb_l2_conflicts", PAGE},
    Reason.L2_NOT_RUNNING: {"condition Effective", PAGE},
    Reason.NO_INTERFACE: {"condition Effective", PAGE},
    Reason.NOT_ANNOUNCED: {"condition exalb.io/Announced", "event on Service", "page Services", PAGE},
}
EXPLAIN_ALONE = {
    *(Reason.SERVICE_NOT_FOUND, Reason.NODE_NOT_FOUND, Reason.UNKNOWN_PEER),
    *(Reason.NOT_LOAD_BALANCER, Reason.CLASS_NOT_OURS),
}
"""Reasons about an object that does not exist or is not ExaLB's."""
OF_ITS_OWN: dict[str, set[str]] = {
    "no-peer": {PAGE},
    "peer-selects-no-node": set(),  # the BGPPeer says NoSessionWanted
    "peer-carries-other-family": set(),
    "heartbeat-old": {"page Sessions", PAGE},  # no controller runs that could write
    "l2-node-selectors": {PAGE},  # a Service of the same advertisement may be announced elsewhere
    "l2-pool-selectors": set(),  # the pool says NotAdvertised
    "l2-service-selectors": set(),
    "l2-no-endpoint": {PAGE},
}
"""By the id of the situation. Where a set is empty, no object but the Service is wrong, and it says NotAnnounced."""


def agreeing(case: Case) -> set[str]:
    """Return the conditions, events, metrics and parts of the page that must have the reason, too."""
    if case.id in OF_ITS_OWN:
        return OF_ITS_OWN[case.id]
    if case.reason in EXPLAIN_ALONE or case.hop in ("Service", "Pool"):
        return set()
    if case.hop == "Address":
        return OF_SERVICE
    if case.reason is Reason.SPEAKER_NOT_REPORTING:
        return OF_SPEAKER
    return OF_REASON.get(case.reason) or (OF_PEER if case.hop == "Peers" else OF_NODE)


@pytest.mark.parametrize("case", [*CASES, *LAN_CASES], ids=lambda case: case.id)
def test_conditions_events_metrics_and_page_agree(case: Case) -> None:
    seen, wanted = observed(*case.objects, leader=case.leader), agreeing(case)
    assert surfaces(seen, case.reason.value) >= wanted
    assert reasons(seen, case.reason.value) >= wanted - (ABOUT_ALL_ROUTES if wanted is OF_NODE else set())


NOT_ANNOUNCED = {
    *("condition exalb.io/Announced", "event on Service", "metric exalb_services_not_announced"),
    *("page Services", PAGE),
}
UNKNOWN = {Reason.SPEAKER_MISSING, Reason.SPEAKER_NOT_REPORTING, Reason.ENGINE_NOT_CONNECTED, Reason.NOT_SENT}
"""Reasons for which nobody can say what a node announces: a Service then keeps the condition that it had."""
UNANNOUNCED = [
    case
    for case in (*CASES, *LAN_CASES)
    if case.hop in ("Peers", "Announcement", "L2")
    and case.subject.startswith("service/")
    and case.reason not in UNKNOWN
]


@pytest.mark.parametrize("case", UNANNOUNCED, ids=lambda case: case.id)
def test_service_says_that_no_node_announces_it(case: Case) -> None:
    """So nobody has to know where to look: the Service, its event, the metric and the page lead to `explain`."""
    assert reasons(observed(*case.objects, leader=case.leader), Reason.NOT_ANNOUNCED.value) >= NOT_ANNOUNCED


def test_misspelt_annotation_is_noted() -> None:
    """It stops no traffic, so nothing is broken."""
    seen = observed(*world(service=assigned_service("shop/web", "198.51.100.1", annotations=wants(adresses="x"))))
    [step] = [step for step in explain(seen, "service/shop/web", "default").steps if step.hop == "Annotations"]
    assert step.reason is Reason.UNKNOWN_ANNOTATION
    assert "exalb.io/addresses" in step.message
    assert surfaces(seen, Reason.UNKNOWN_ANNOTATION.value) >= {
        "condition exalb.io/AnnotationsValid",
        "event on Service",
        PAGE,
    }


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
