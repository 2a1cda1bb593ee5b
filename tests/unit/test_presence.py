"""When a node tells an address: by the endpoints that count, and by the node itself."""

from dataclasses import dataclass
from typing import Any

import pytest

from exalb.manifests import picture
from exalb.routes import RoutePlanner
from tests.unit.objects import Object, endpoint, endpoints, node, peer, planned, pool, service, tells

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
        assert tells(*objects) == {"n1 tor": case.first, "n2 tor": case.second}


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
    assert tells(*objects) == {"n1 tor": says}
    session = planned(*objects)["nodes"][0]["sessions"][0]
    assert [name for route in session["routes"] for name in route["services"]] == of
    assert [one["service"] for one in session["withheld"]] == ([] if of else ["default/a", "default/b"])


def test_the_address_of_a_node_is_told_by_nobody() -> None:
    """Not even while a Service's status still holds it, for want of a controller that takes it back."""
    web, mine = service("web", "198.51.100.7"), node("n2", "198.51.100.7", "fd00:77::12")
    cluster, _ = picture([POOL, peer(), web, ends(READY), node("n1", "10.77.0.11"), mine], "exalb-system")
    (refusal,) = RoutePlanner("n1").plan(cluster).sessions["tor"].withheld.values()
    assert "is the address of node n2" in str(refusal)
    assert RoutePlanner("n1").plan(cluster).sessions["tor"].rib == {}
