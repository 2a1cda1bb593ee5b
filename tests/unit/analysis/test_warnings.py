"""What is asked for in vain: a note, no mistake."""

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from exalb.__main__ import run
from exalb.allocation.allocator import Allocator
from exalb.analysis.plan import plan
from exalb.kube.manifests import snapshot_of
from exalb.report.controller import ControllerReporter
from exalb.validation.rules import validate
from tests.support.decisions import changes_of
from tests.support.objects import Object, advertisement, made, node, peer, planned, pool, service

EBGP, IBGP = peer("ebgp"), peer("ibgp", peerASN=64512, peerAddress="203.0.113.2")
POOL, POOL_6 = pool("four", "198.51.100.0/24"), pool("six", "2001:db8::/64")
V4_ONLY, V6_ONLY = node("n1", "10.77.0.11"), node("n1", "fd00:77::11")
OVER_6 = {"peerAddress": "2001:db8:113::1"}
LINK = {"peerAddress": "fe80::1", "sourceInterface": "eth0"}
RACK = [{"matchLabels": {"rack": "9"}}]
N9 = node("n9", "10.77.0.19", "fd00:77::19", rack="9")
THROUGH_ITSELF = peer(peerAddressFrom={"nodeAnnotation": "router"}, nextHop="203.0.113.9")
del THROUGH_ITSELF["spec"]["peerAddress"]
BY_NODE = peer("own", peerAddress="203.0.113.3", myASNFrom={"nodeAnnotation": "asn"})
del BY_NODE["spec"]["myASN"]
FIXED, SAID = peer(routerID="1.1.1.1"), peer(routerIDFrom={"nodeAnnotation": "id"})
PREFERRED = advertisement(localPref=200)
PREPENDED = advertisement(asPathPrepend=2)


def n(name: str, asn: str = "", **labels: str) -> Object:
    """Return a Node that says its AS number."""
    return node(name, annotations={"asn": asn}, **labels)


def says(name: str, identifier: str) -> Object:
    """Return a Node that says its BGP identifier."""
    return node(name, annotations={"id": identifier})


@pytest.mark.parametrize(
    ("objects", "notes"),
    [
        pytest.param([PREFERRED, EBGP, node()], ["BGPPeer ebgp is an eBGP peer"], id="ebgp"),
        pytest.param([PREFERRED, IBGP, node()], [], id="ibgp"),
        pytest.param([PREFERRED, EBGP, IBGP, node()], [], id="both"),
        pytest.param([PREFERRED, node()], [], id="nobody"),
        pytest.param([PREFERRED, EBGP], ["BGPPeer ebgp is an eBGP peer"], id="no-node-yet"),
        pytest.param([PREFERRED, BY_NODE], [], id="no-node-yet-to-say-it"),
        pytest.param([advertisement(), EBGP], [], id="unset"),
        pytest.param([advertisement(localPref=0), EBGP], ["spec.localPref: has no effect"], id="zero-is-set"),
        pytest.param([advertisement(localPref=1, peers=["ebgp"]), EBGP, IBGP], ["BGPPeer ebgp"], id="by-name"),
        pytest.param([advertisement(localPref=1, peers=["ibgp"]), EBGP, IBGP], [], id="by-the-other-name"),
        pytest.param(
            [PREFERRED, *(peer(f"p{number}", peerAddress=f"203.0.113.{number}") for number in range(1, 6))],
            ["BGPPeers p1, p2, p3 and 2 more are eBGP peers; use med"],
            id="many",
        ),
        pytest.param([PREFERRED, BY_NODE, n("n1", "64513"), n("n2", "64600")], [], id="ibgp-on-one-node"),
        pytest.param([PREFERRED, BY_NODE, n("n1", "64601"), n("n2", "x")], ["own is an eBGP peer"], id="ebgp-on-all"),
        pytest.param(
            [
                advertisement(localPref=1, nodeSelectors=[{"matchLabels": {"rack": "2"}}]),
                BY_NODE,
                n("n1", "64513", rack="1"),
                n("n2", "64600", rack="2"),
            ],
            ["own is an eBGP peer"],
            id="ibgp-on-a-node-that-is-not-selected",
        ),
        pytest.param([advertisement(localPref=-1), EBGP], [], id="out-of-force"),
        pytest.param([PREPENDED, IBGP, node()], ["spec.asPathPrepend: has no effect"], id="prepend-ibgp"),
        pytest.param([PREPENDED, EBGP, node()], [], id="prepend-ebgp"),
        pytest.param([PREPENDED, EBGP, IBGP, node()], [], id="prepend-both"),
        pytest.param([PREPENDED, node()], [], id="prepend-nobody"),
        pytest.param([advertisement(asPathPrepend=0), IBGP], [], id="prepend-zero"),
        pytest.param([PREPENDED, BY_NODE, n("n1", "64513"), n("n2", "64600")], [], id="prepend-ebgp-on-one-node"),
        pytest.param(
            [PREPENDED, BY_NODE, n("n1", "64513"), n("n2", "x")], ["own is an iBGP peer"], id="prepend-ibgp-on-all"
        ),
    ],
)
def test_attributes_that_no_session_carries(objects: list[Object], notes: list[str]) -> None:
    found = [f"{one['field']}: {one['message']}" for one in planned(*objects).get("notes", [])]
    assert len(found) == len(notes)
    assert all(part in one for part, one in zip(notes, found, strict=True))


@pytest.mark.parametrize(
    ("objects", "notes"),
    [
        pytest.param([EBGP, POOL_6, V4_ONLY], ["n1 cannot announce IPv6 prefixes: no next hop"], id="ipv6-over-ipv4"),
        pytest.param([EBGP, POOL_6, node("n1", "10.77.0.11", "fd00:77::11")], [], id="the-node-has-one"),
        pytest.param([peer(nextHop="2001:db8:113::9"), POOL_6, V4_ONLY], [], id="one-is-given"),
        pytest.param([peer(families=["IPv4"]), POOL_6, V4_ONLY], [], id="not-to-be-told"),
        pytest.param([EBGP, POOL, V4_ONLY], [], id="nothing-to-tell"),
        pytest.param([peer(nodeSelectors=RACK), POOL_6, V4_ONLY, N9], [], id="no-session"),
        pytest.param([peer(holdTime=1), POOL_6, V4_ONLY], [], id="out-of-force"),
        pytest.param([peer(**OVER_6), POOL, V6_ONLY], ["give the node an IPv4 InternalIP"], id="ipv4-over-ipv6"),
        pytest.param(
            [EBGP, POOL, POOL_6, V4_ONLY, advertisement(ipAddressPools=["four"])], [], id="not-told-by-anybody"
        ),
        pytest.param(
            [EBGP, POOL_6, V4_ONLY, advertisement(peers=["other"]), advertisement("b", nodeSelectors=RACK), N9],
            [],
            id="told-to-others-and-elsewhere",
        ),
        pytest.param(
            [EBGP, POOL_6, V4_ONLY, advertisement(ipAddressPools=["six"])], ["cannot announce IPv6 prefixes"], id="told"
        ),
        pytest.param(
            [peer(**LINK, extendedNextHop=True), POOL, V4_ONLY],
            ["no next hop for IPv4 prefixes to BGPPeer tor: give the node an IPv6"],
            id="ipv4-by-ipv6-next-hops-over-a-link",
        ),
        pytest.param([peer(**LINK), POOL_6, V4_ONLY], ["node n1 cannot announce IPv6 prefixes"], id="ipv6-over-a-link"),
        pytest.param(
            [THROUGH_ITSELF, POOL, node("n1", "10.77.0.11", annotations={"router": "203.0.113.9"})],
            ["nextHop 203.0.113.9 is the router itself, which accepts no route through itself: set another"],
            id="through-itself",
        ),
        pytest.param(
            [THROUGH_ITSELF, POOL, node("n1", "10.77.0.11", annotations={"router": "203.0.113.8"})],
            [],
            id="through-another",
        ),
        pytest.param([peer(**OVER_6, extendedNextHop=True), POOL, V6_ONLY], [], id="ipv4-by-ipv6-next-hops"),
        pytest.param(
            [EBGP, IBGP, POOL_6, *(node(f"n{number}") for number in range(5))],
            ["nodes n0, n1, n2 and 2 more cannot announce"] * 2,
            id="many",
        ),
    ],
)
def test_families_without_a_next_hop(objects: list[Object], notes: list[str]) -> None:
    others = [one for one in planned(*objects).get("notes", []) if one["reason"] != "NotAdvertised"]
    found = [f"{one['kind']} {one['field']}: {one['message']}" for one in others]
    assert len(found) == len(notes)
    assert all(
        part in one and one.startswith("BGPPeer spec.families: ") for part, one in zip(notes, found, strict=True)
    )


@pytest.mark.parametrize(
    ("objects", "note"),
    [
        pytest.param(
            [FIXED, node("n1"), node("n2")],
            "spec.routerID: nodes n1, n2 have the same BGP identifier 1.1.1.1",
            id="two",
        ),
        pytest.param([FIXED, node("n1")], "", id="one"),
        pytest.param([peer(routerID="1.1.1.1", nodeSelectors=RACK), node("n1", rack="9"), node("n2")], "", id="rack"),
        pytest.param([peer(), node("n1"), node("n2")], "", id="by-their-names"),
        pytest.param([SAID, says("n1", "1.1.1.1"), says("n2", "2.2.2.2")], "", id="annotated"),
        pytest.param(
            [SAID, says("n1", "1.1.1.1"), says("n2", "1.1.1.1")],
            "spec.routerIDFrom: nodes n1, n2",
            id="annotated-twice",
        ),
    ],
)
def test_one_identifier_for_several_nodes(objects: list[Object], note: str) -> None:
    found = [f"{one['field']}: {one['message']}" for one in planned(*objects).get("notes", [])]
    assert [one[: len(note)] for one in found] == [note] * bool(note)


def of_advertisements(*objects: Object) -> list[dict[str, str]]:
    """Return the notes about BGPAdvertisements."""
    return [note for note in planned(*objects).get("notes", []) if note["kind"] == "BGPAdvertisement"]


def asking(**source: str) -> Object:
    """Return a peer whose address the node knows, with IPv6 next hops for IPv4 prefixes."""
    asks = peer(peerAddressFrom=source, extendedNextHop=True)
    del asks["spec"]["peerAddress"]
    return asks


@pytest.mark.parametrize(
    ("given", "note"),
    [
        pytest.param(peer(nextHop="2001:db8::9", families=["IPv4"]), "spec.nextHop: has no effect", id="family"),
        pytest.param(peer(nextHop="2001:db8::9"), "", id="next-hop-of-the-other-family"),
        pytest.param(peer(extendedNextHop=True), "spec.extendedNextHop: has no effect", id="extended-over-ipv4"),
        pytest.param(peer(**OVER_6, extendedNextHop=True), "", id="extended-over-ipv6"),
        pytest.param(asking(defaultGateway="IPv4"), "spec.extendedNextHop: has no effect", id="gateway-ipv4"),
        pytest.param(asking(defaultGateway="IPv6"), "", id="gateway-ipv6"),
        pytest.param(asking(nodeAnnotation="four"), "spec.extendedNextHop: has no effect", id="annotated-ipv4"),
        pytest.param(asking(nodeAnnotation="six"), "", id="annotated-ipv6"),
    ],
)
def test_next_hops_that_no_session_uses(given: Object, note: str) -> None:
    said = {"four": "203.0.113.9", "six": "2001:db8:113::9"}
    notes = planned(given, node(annotations=said)).get("notes", [])
    assert [note] * bool(note) == [f"{one['field']}: {one['message']}"[: len(note)] for one in notes]


@pytest.mark.parametrize(
    ("services", "note"),
    [
        pytest.param([service()], True, id="cluster"),
        pytest.param([service(externalTrafficPolicy="Local")], False, id="local"),
        pytest.param([service("a"), service("b", externalTrafficPolicy="Local")], False, id="one-of-two"),
        pytest.param([], False, id="none-yet"),
        pytest.param([service(), service("b", labels={"a": "b"}, externalTrafficPolicy="Local")], True, id="selected"),
        pytest.param([service("six", ipFamilies=["IPv6"])], False, id="of-another-pool"),
    ],
)
def test_weights_of_services_that_weigh_nothing(services: list[Object], note: bool) -> None:
    unlabelled = [{"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}]
    weighing = advertisement(weight="Endpoints", ipAddressPools=["four"], serviceSelectors=unlabelled)
    found = of_advertisements(POOL, POOL_6, EBGP, *services, weighing)
    assert [one["field"] for one in found] == ["spec.weight"] * note
    assert conditions(POOL, EBGP, weighing, service("web", "198.51.100.0"))["Effective"][1] == "WeightNeedsLocalTraffic"


@pytest.mark.parametrize(
    ("given", "spec", "note"),
    [
        pytest.param([POOL], {"aggregationLength": 24}, True, id="aggregates"),
        pytest.param([POOL], {}, False, id="host-routes"),
        pytest.param([POOL, POOL_6], {"aggregationLength": 24}, False, id="host-routes-of-the-other-family"),
        pytest.param([POOL, POOL_6], {"aggregationLength": 24, "aggregationLengthV6": 64}, True, id="of-both"),
        pytest.param([POOL_6], {"aggregationLength": 24}, False, id="of-a-family-that-is-not-there"),
        pytest.param([POOL], {"aggregationLength": 24, "weight": "None"}, False, id="no-weight"),
        pytest.param([], {"aggregationLength": 24}, False, id="no-pool-yet"),
        pytest.param(
            [POOL, POOL_6], {"ipAddressPools": ["six"], "aggregationLengthV6": 64}, True, id="of-the-one-it-selects"
        ),
    ],
)
def test_weights_of_aggregates(given: list[Object], spec: dict[str, Any], note: bool) -> None:
    weighing = advertisement(**{"weight": "Endpoints", **spec})
    notes = of_advertisements(*given, service(externalTrafficPolicy="Local"), weighing)
    found = [f"{one['field']}: {one['message']}" for one in notes]
    assert [one.partition(";")[0] for one in found] == [
        "spec.weight: has no effect: only host routes carry it, and this advertisement announces aggregates only"
    ] * note


MISSPELT = [{"matchLabels": {"tier": "frnt"}}]
FRONT = [*MISSPELT, {"matchLabels": {"tier": "front"}}]
LABELLED = [
    pool("four", "198.51.100.0/24", labels={"tier": "front"}),
    peer("ebgp", labels={"tier": "front"}),
    node("n1", tier="front"),
    service(labels={"tier": "front"}),
]


@pytest.mark.parametrize("field", ["ipAddressPoolSelectors", "peerSelectors", "nodeSelectors", "serviceSelectors"])
def test_selectors_that_match_nothing(field: str) -> None:
    def notes(*objects: Object, **spec: Any) -> list[str]:
        return [one["field"] for one in of_advertisements(advertisement(**spec), *objects)]

    assert notes(*LABELLED, **{field: MISSPELT}) == [f"spec.{field}"]
    assert notes(*LABELLED, **{field: FRONT}) == []
    assert notes(*LABELLED) == []
    assert notes(**{field: MISSPELT}) == [], "nothing is there yet"
    internal = service("internal", type="ClusterIP", labels={"tier": "frnt"})
    assert notes(*LABELLED, internal, **{field: MISSPELT}) == [f"spec.{field}"], "it is no load balancer"


@pytest.mark.parametrize(
    ("objects", "note"),
    [
        pytest.param([peer(nodeSelectors=MISSPELT), node("n1", tier="front")], True, id="misspelt"),
        pytest.param([peer(nodeSelectors=FRONT), node("n1", tier="front")], False, id="one-of-two-matches"),
        pytest.param([peer(nodeSelectors=FRONT), node("n1"), node("n2", tier="front")], False, id="one-node-of-two"),
        pytest.param([peer(), node("n1")], False, id="all-nodes"),
        pytest.param([peer(nodeSelectors=MISSPELT)], False, id="no-node-yet"),
        pytest.param([peer(nodeSelectors=MISSPELT, holdTime=1), node("n1")], False, id="out-of-force"),
        pytest.param(
            [peer(nodeSelectors=MISSPELT), peer("of-it", template="tor", peerAddress="203.0.113.2"), node("n1")],
            False,
            id="a-template",
        ),
        pytest.param(
            [peer(), peer("of-it", template="tor", peerAddress="203.0.113.2", nodeSelectors=MISSPELT), node("n1")],
            True,
            id="what-takes-from-a-template",
        ),
    ],
)
def test_peers_of_no_node(objects: list[Object], note: bool) -> None:
    found = [f"{one['kind']} {one['field']}: {one['message']}" for one in planned(*objects).get("notes", [])]
    says = "BGPPeer spec.nodeSelectors: no Node matches this selector: fix the selector or the labels"
    assert found == [says] * note


def test_a_service_that_changes_its_policy_is_noticed() -> None:
    """The rules stand and all is written down; then what the advertisement asks for has an effect."""
    web = {policy: service("web", "198.51.100.0", externalTrafficPolicy=policy) for policy in ("Cluster", "Local")}
    raws = deepcopy([POOL, EBGP, advertisement(weight="Endpoints")])
    reporter, allocator = ControllerReporter(), Allocator()
    for _ in range(2):
        cluster, _ = snapshot_of([*raws, web["Cluster"]], "x")
        writes = reporter.changes(
            cluster, validate(cluster), allocator.allocate(cluster, validate(cluster)), made(9)
        ).writes
        for raw in raws:
            raw["status"] = next((one.body["status"] for one in writes if one.kind == raw["kind"]), raw.get("status"))
    assert {one["type"]: one["status"] for one in raws[2]["status"]["conditions"]}["Effective"] == "False"
    after = replace(cluster, services=snapshot_of([web["Local"]], "x")[0].services)
    writes = reporter.changes(after, validate(after), allocator.allocate(after, validate(after)), made(9)).writes
    (write,) = (one for one in writes if one.kind == "BGPAdvertisement")
    assert {one["type"]: one["status"] for one in write.body["status"]["conditions"]}["Effective"] == "True"


def test_a_note_is_no_error(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "all.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [PREFERRED, EBGP]}))
    assert run("exalb", ["plan", "-f", str(path)]) == 0
    assert (
        "note BGPAdvertisement all spec.localPref: LocalPrefOnEBGP: has no effect: LOCAL_PREF is sent"
        in capsys.readouterr().out
    )
    assert plan(snapshot_of([PREFERRED, EBGP], "x")[0]).is_good


def conditions(*objects: Object, kind: str = "BGPAdvertisement") -> dict[str, tuple[str, str]]:
    """Return the conditions that the one object of a kind is given: status and reason by type."""
    cluster, _ = snapshot_of(objects, "exalb-system")
    writes = changes_of(cluster, made(9)).writes
    (write,) = (one for one in writes if one.kind == kind)
    return {one["type"]: (one["status"], one["reason"]) for one in write.body["status"]["conditions"]}


def test_the_advertisement_is_ready_and_its_other_condition_says_so() -> None:
    assert conditions(PREFERRED, EBGP) == {"Ready": ("True", "Accepted"), "Effective": ("False", "LocalPrefOnEBGP")}
    assert conditions(PREFERRED, IBGP) == {"Ready": ("True", "Accepted"), "Effective": ("True", "NoWarnings")}
    assert conditions(advertisement(med=-1), EBGP) == {"Ready": ("False", "InvalidSpec")}


def test_so_does_the_peer_that_cannot_be_told_of_a_family() -> None:
    found = conditions(EBGP, POOL_6, V4_ONLY, kind="BGPPeer")
    assert (found["Accepted"], found["Effective"]) == (("True", "Accepted"), ("False", "NoNextHop"))
    assert conditions(EBGP, POOL, V4_ONLY, kind="BGPPeer")["Effective"] == ("True", "NoWarnings")
    assert "Effective" not in conditions(peer(holdTime=1), POOL_6, V4_ONLY, kind="BGPPeer")
