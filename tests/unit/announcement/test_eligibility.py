"""When a node tells an address: by the endpoints that count, and by the node itself."""

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

import pytest

from exalb.api.reasons import Reason
from exalb.kube.manifests import snapshot_of
from tests.support.decisions import plan_of
from tests.support.objects import (
    Object,
    advertisement,
    announcements,
    assigned_service,
    endpoint,
    endpoints,
    node,
    peer,
    planned,
    pool,
    service,
)

POOL = pool("main", "198.51.100.7/32", "2001:db8::7/128")
IP = "198.51.100.7/32"
VIA = [f"2001:db8::7/128 via=fd00:77::1{n}" for n in (1, 2)]
"""Over an IPv4 session an IPv6 prefix has the node's own address as next hop."""
NODES = [peer(), node("n1", "10.77.0.11", "fd00:77::11"), node("n2", "10.77.0.12", "fd00:77::12")]
WEB, LOCAL = service(), service(externalTrafficPolicy="Local")
BOTH = service(ipFamilyPolicy="RequireDualStack")
YES, SHUT, NO = [IP], [f"{IP} 65535:0"], [f"{IP} NoReadyEndpoints"]

READY: Any = {"ready": True}
GONE: Any = {"ready": False, "serving": False, "terminating": True}
DRAINING: Any = {"ready": False, "serving": True, "terminating": True}


@dataclass(frozen=True, slots=True)
class Case:
    """A Service, its slices and the like, and what the two nodes say."""

    id: str
    objects: list[Object]
    first: list[str]
    second: list[str]


def ends(*conditions: dict[str, Any], on: str | None = "n1") -> Object:
    """Return a slice with one endpoint for each of the conditions."""
    return endpoints("web", *(endpoint(f"10.88.1.{n}", on, **one) for n, one in enumerate(conditions, 2)))


PUBLISHED = service(publishNotReadyAddresses=True)
"""Kubernetes makes its endpoints ready, whatever their pods say; `serving` tells the truth."""
HEADLESS = endpoints()
HEADLESS["metadata"]["labels"]["service.kubernetes.io/headless"] = ""

CASES = [
    Case("ready", [WEB, ends(READY)], YES, YES),
    Case("no-slice", [WEB], NO, NO),
    Case("empty-slice", [WEB, endpoints() | {"endpoints": None}], NO, NO),
    Case("conditions-unset-mean-ready", [WEB, ends({})], YES, YES),
    Case("conditions-null-mean-ready", [WEB, ends({"ready": None, "serving": None})], YES, YES),
    Case(
        "no-conditions-mean-ready", [WEB, endpoints("web", {"addresses": ["10.88.1.2"], "conditions": None})], YES, YES
    ),
    Case("conditions-absent-mean-ready", [WEB, endpoints("web", {"addresses": ["10.88.1.2"]})], YES, YES),
    Case("terminating-alone-is-ready", [WEB, ends({"terminating": True})], YES, YES),
    Case("serving-alone-is-ready", [WEB, ends({"serving": False})], YES, YES),
    Case("serving-unset-is-ready", [WEB, ends({"ready": False})], NO, NO),
    Case("not-ready-but-serving-is-draining", [WEB, ends({"ready": False, "serving": True})], SHUT, SHUT),
    Case("terminating-but-serving", [WEB, ends(DRAINING)], SHUT, SHUT),
    Case("terminating-and-gone", [WEB, ends(GONE)], NO, NO),
    Case("one-ready-is-enough", [WEB, ends(GONE, DRAINING, READY)], YES, YES),
    Case("ready-even-if-terminating", [WEB, ends({"ready": True, "terminating": True})], YES, YES),
    Case("ready-even-if-not-serving", [WEB, ends({"ready": True, "serving": False})], YES, YES),
    Case("published-though-not-ready", [PUBLISHED, ends({"ready": True, "serving": False})], YES, YES),
    Case("published-though-terminating", [PUBLISHED, ends({**GONE, "ready": True})], YES, YES),
    Case("published-says-the-slice-alone", [PUBLISHED, ends({"ready": False})], NO, NO),
    Case("without-addresses-it-is-none", [WEB, endpoints("web", {"addresses": [], "conditions": READY})], NO, NO),
    Case(
        "several-slices",
        [WEB, endpoints("web", endpoint("10.88.1.2", **GONE), name="a"), endpoints("web", name="b")],
        YES,
        YES,
    ),
    Case("slice-of-another-service", [WEB, endpoints("other")], NO, NO),
    Case("slice-of-another-namespace", [WEB, endpoints("team/web")], NO, NO),
    Case("slice-of-a-headless-service", [WEB, HEADLESS], NO, NO),
    Case("slice-of-no-service", [WEB, endpoints() | {"metadata": {"name": "x"}}], NO, NO),
    Case("slice-of-names", [WEB, endpoints("web", endpoint("web.example.org"), family="FQDN")], NO, NO),
    Case("slice-of-the-other-family", [WEB, endpoints(family="IPv6")], NO, NO),
    Case("each-family-by-its-slices", [BOTH, endpoints(family="IPv6")], [VIA[0], *NO], [VIA[1], *NO]),
    Case(
        "one-family-drains",
        [BOTH, endpoints(), endpoints("web", endpoint("fd00::1", **DRAINING), family="IPv6")],
        [IP, f"{VIA[0]} 65535:0"],
        [IP, f"{VIA[1]} 65535:0"],
    ),
    Case("local-counts-the-node's-own", [LOCAL, ends(READY)], YES, NO),
    Case("local-without-a-node-counts-for-none", [LOCAL, ends(READY, on=None)], NO, NO),
    Case(
        "local-each-by-itself",
        [LOCAL, endpoints("web", endpoint("10.88.1.2", **DRAINING), endpoint("10.88.2.2", "n2"))],
        SHUT,
        YES,
    ),
    Case("cluster-needs-no-node", [WEB, ends(READY, on=None)], YES, YES),
    Case(
        "the-same-endpoint-twice-is-ready-if-one-says-so",
        [LOCAL, *(endpoints("web", endpoint(**one), name=name) for name, one in (("a", READY), ("b", DRAINING)))],
        YES,
        NO,
    ),
    Case(
        "excluded",
        [WEB, ends(READY), node("n1", **{"node.kubernetes.io/exclude-from-external-load-balancers": ""})],
        [f"{IP} NodeExcluded"],
        YES,
    ),
    Case(
        "excluded-whatever-the-value",
        [WEB, ends(READY), node("n2", **{"node.kubernetes.io/exclude-from-external-load-balancers": "false"})],
        YES,
        [f"{IP} NodeExcluded"],
    ),
    Case(
        "network-unavailable", [WEB, ends(READY), node("n1", unavailable="True")], [f"{IP} NodeNetworkUnavailable"], YES
    ),
    Case("network-available", [WEB, ends(READY), node("n1", unavailable="False")], YES, YES),
    Case("network-unknown", [WEB, ends(READY), node("n1", unavailable="Unknown")], YES, YES),
    Case("no-address-no-route", [service(annotations={"exalb.io/pool": "x"}), ends(READY)], [], []),
    Case("not-ours", [service("web", "198.51.100.7", loadBalancerClass="example.org/lb"), ends(READY)], [], []),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_presence(case: Case) -> None:
    # A Node in the row takes the place of the one with its name.
    replaced = {one["metadata"]["name"] for one in case.objects if one["kind"] == "Node"}
    nodes = [one for one in NODES if one["metadata"]["name"] not in replaced]
    for objects in ([POOL, *nodes, *case.objects], [*case.objects[::-1], *nodes, POOL]):
        assert announcements(*objects) == {"n1 tor": case.first, "n2 tor": case.second}


def _half_assigned() -> Object:
    """Return a Service with an address from ExaLB and one from another controller."""
    both = service("web", "198.51.100.7", "198.51.100.8", ipFamilies=["IPv4"])
    return {
        **assigned_service("web", "198.51.100.7", ipFamilies=["IPv4"]),
        "status": {**assigned_service("web", "198.51.100.7", ipFamilies=["IPv4"])["status"], **both["status"]},
    }


@pytest.mark.parametrize(
    ("web", "announced"),
    [
        pytest.param(service("web", "198.51.100.7"), [], id="assigned-by-another-controller"),
        pytest.param(assigned_service("web", "198.51.100.7"), ["198.51.100.7/32"], id="assigned-by-exalb"),
        pytest.param(_half_assigned(), ["198.51.100.7/32"], id="one-assigned-by-each"),
        pytest.param(
            service("web", "198.51.100.7", loadBalancerClass="exalb.io/bgp"), ["198.51.100.7/32"], id="with-our-class"
        ),
    ],
)
def test_addresses_of_another_controller_are_not_announced(web: Object, announced: list[str]) -> None:
    """Even though the address is in a pool: the pool may not serve the Service, and then ExaLB does not manage it."""
    cluster, _ = snapshot_of([pool("main", "198.51.100.0/24"), web, ends(READY), peer(), node()], "exalb-system")
    (session,) = plan_of("n1", cluster).sessions.values()
    assert ([str(prefix) for prefix in session.routes], session.withheld) == (announced, {})


HTTP = assigned_service("web", "198.51.100.7", ports=[{"name": "http", "port": 80, "targetPort": "web"}])
DNS = {"name": "dns", "port": 53, "protocol": "UDP"}
TWO = assigned_service("web", "198.51.100.7", ports=[{"name": "http", "port": 80}, DNS])


@pytest.mark.parametrize(
    ("web", "ports", "announced"),
    [
        pytest.param(HTTP, [], False, id="no-ports"),
        pytest.param(HTTP, [{"name": "http", "port": 8080}], True, id="same-name"),
        pytest.param(HTTP, [{"name": "metrics", "port": 8080}], False, id="another-name"),
        pytest.param(HTTP, [{"port": 8080}], False, id="no-name"),
        pytest.param(HTTP, [{"name": "http", "port": 8080, "protocol": "UDP"}], False, id="another-protocol"),
        pytest.param(HTTP, [{"name": "http"}], False, id="no-number"),
        pytest.param(HTTP, [{"name": "http", "port": None}], False, id="number-unset"),
        pytest.param(TWO, [DNS], True, id="one-of-two"),
        pytest.param(
            assigned_service("web", "198.51.100.7", ports=[{"port": 80}]), [{"name": "", "port": 80}], True, id="empty"
        ),
    ],
)
def test_endpoints_count_by_the_ports_of_the_service(web: Object, ports: list[Object], announced: bool) -> None:
    slices = endpoints("web", ports=ports)
    assert announcements(POOL, *NODES[:2], web, slices)["n1 tor"] == (YES if announced else NO)


def test_endpoints_of_other_ports_are_not_counted_in_the_weight() -> None:
    local = assigned_service("web", "198.51.100.7", ports=[{"name": "http", "port": 80}], externalTrafficPolicy="Local")
    slices = [
        endpoints("web", endpoint("10.88.1.2"), name="a", ports=[{"name": "http", "port": 1}]),
        endpoints("web", endpoint("10.88.1.3"), name="b", ports=[{"name": "other", "port": 2}]),
    ]
    weighed = advertisement(weight="Endpoints")
    assert announcements(POOL, *NODES[:2], local, *slices, weighed)["n1 tor"] == [f"{IP} bandwidth:64512:1250000"]


def test_missing_port_is_named() -> None:
    (row,) = planned(POOL, *NODES[:2], HTTP, endpoints("web", ports=[]))["nodes"][0]["sessions"][0]["withheld"]
    assert row["message"].endswith(
        "no EndpointSlice has a port of the Service (http (TCP)), as with a targetPort that no container has"
    )


def sharer(name: str, port: int) -> Object:
    """Return one of the Services that share the pool's one address."""
    wishes = {"exalb.io/sharing-key": "k", "exalb.io/communities": f"64512:{port}"}
    return service(name, annotations=wishes, ports=[{"port": port}], ipFamilies=["IPv4"])


@pytest.mark.parametrize(
    ("slices", "says", "of"),
    [
        pytest.param([], [f"{IP} NoReadyEndpoints"] * 2, [], id="nobody-wants-it"),
        pytest.param([endpoints("a")], [IP], ["default/a"], id="one-wants-it"),
        pytest.param(
            [endpoints("a", endpoint(**DRAINING))], [f"{IP} 65535:0"], ["default/a"], id="one-wants-it-for-a-while"
        ),
        pytest.param(
            [endpoints("a", endpoint(**DRAINING)), endpoints("b")],
            [IP],
            ["default/a", "default/b"],
            id="the-best-decides",
        ),
    ],
)
def test_a_shared_address_is_told_while_anybody_wants_it(slices: list[Object], says: list[str], of: list[str]) -> None:
    objects = [POOL, *NODES[:2], sharer("a", 80), sharer("b", 81), *slices]
    assert announcements(*objects) == {"n1 tor": says}
    session = planned(*objects)["nodes"][0]["sessions"][0]
    assert [name for route in session["routes"] for name in route["services"]] == of
    assert [one["service"] for one in session["withheld"]] == ([] if of else ["default/a", "default/b"])


def test_node_with_the_address_of_a_service_withholds_it_alone() -> None:
    """The status of a Node binds that node: it takes the route of a Service from no other node."""
    web, claims = assigned_service("web", "198.51.100.7"), node("n2", "198.51.100.7", "fd00:77::12")
    cluster, _ = snapshot_of([POOL, peer(), web, ends(READY), node("n1", "10.77.0.11"), claims], "exalb-system")
    assert list(plan_of("n1", cluster).sessions["tor"].rib) == [ip_network(IP)]
    plan = plan_of("n2", cluster).sessions["tor"]
    assert [refusal.reason for refusal in plan.withheld.values()] == [Reason.ADDRESS_IN_USE]
    assert plan.rib == {}


@pytest.mark.parametrize(
    "router",
    [peer(), peer(peerAddress=None, peerAddressFrom={"nodeAnnotation": "router"})],
    ids=["in-the-spec", "in-an-annotation"],
)
def test_node_with_the_address_of_a_router_has_no_session_alone(router: Object) -> None:
    said = {"router": "203.0.113.1"}
    honest, claims = node("n1", "10.77.0.11", annotations=said), node("n2", "203.0.113.1", annotations=said)
    cluster, _ = snapshot_of([POOL, router, honest, claims], "exalb-system")
    assert plan_of("n1", cluster).sessions["tor"].session
    refused = plan_of("n2", cluster).sessions["tor"]
    assert refused.session is None
    assert refused.refusal
    assert refused.refusal.reason is Reason.PEER_IS_NODE


def test_node_takes_the_address_of_a_router_out_of_no_pool() -> None:
    """The address of a BGPPeer stays reserved while a Node claims it too."""
    near = pool("near", "203.0.113.0/24")
    web, claims = assigned_service("web", "203.0.113.1"), node("n2", "203.0.113.1")
    cluster, _ = snapshot_of([near, peer(), web, ends(READY), node("n1", "10.77.0.11"), claims], "exalb-system")
    assert plan_of("n1", cluster).sessions["tor"].rib == {}


def test_address_outside_of_active_pools_is_withheld() -> None:
    objects = [peer(), node("n1", "10.77.0.11"), assigned_service("web", "198.51.100.7"), endpoints("web")]
    plan = plan_of("n1", snapshot_of(objects, "exalb-system")[0])
    [refusal] = plan.sessions["tor"].withheld.values()
    assert refusal.reason is Reason.ADDRESS_NOT_IN_POOL
    assert "198.51.100.7" in refusal.message


TEAM = {"namespaceSelectors": [{"matchLabels": {"team": "yes"}}]}
THERE, LAST = "198.51.100.7", "198.51.100.255"


@pytest.mark.parametrize(
    ("address", "spec", "reasons"),
    [
        pytest.param(THERE, {"serviceAllocation": {"namespaces": ["team"]}}, ["PoolNotAllowed"], id="other-namespace"),
        pytest.param(
            THERE,
            {"serviceAllocation": {"serviceSelectors": [{"matchLabels": {"tier": "gold"}}]}},
            ["PoolNotAllowed"],
            id="other-labels",
        ),
        pytest.param(
            THERE, {"reservations": [{"address": THERE, "namespace": "team"}]}, ["AddressReserved"], id="reserved"
        ),
        pytest.param(LAST, {"avoidBuggyIPs": True}, ["AddressExcluded"], id="excluded"),
        pytest.param(THERE, {"serviceAllocation": {"namespaces": ["default"]}}, [], id="its-namespace"),
        pytest.param(
            THERE, {"reservations": [{"address": THERE, "namespace": "default"}]}, [], id="reserved-for-its-namespace"
        ),
        pytest.param(THERE, {"serviceAllocation": {**TEAM, "namespaces": ["x"]}}, [], id="labels-of-namespaces"),
        pytest.param(THERE, {"disabled": True, "autoAssign": False, "quotaPerNamespace": 1}, [], id="no-new-addresses"),
    ],
)
def test_address_that_the_service_may_not_have_is_withheld(address: str, spec: Object, reasons: list[str]) -> None:
    """Whoever may write `services/status` writes address and record; the labels of namespaces are not known here."""
    forged = assigned_service("web", address, labels={"tier": "tin"})
    objects = [pool("main", "198.51.100.0/24", **spec), peer(), node("n1", "10.77.0.11"), forged, endpoints("web")]
    session = plan_of("n1", snapshot_of(objects, "exalb-system")[0]).sessions["tor"]
    assert [refusal.reason.value for refusal in session.withheld.values()] == reasons
    assert [str(prefix) for prefix in session.rib] == ([] if reasons else [f"{address}/32"])
