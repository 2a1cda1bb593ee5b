"""Which advertisements tell an address to whom, and what they say together."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.objects import (
    Object,
    advertisement,
    announcements,
    community,
    endpoint,
    endpoints,
    node,
    peer,
    planned,
    pool,
    service,
    wants,
)

POOL = pool("main", "198.51.100.0/24", "2001:db8::/64", labels={"tier": "front"})
NAMES = community(customer="1:9", also="1:9", wide="large:7:7:7")
NODE = node("n1", "10.77.0.11", "fd00:77::11", rack="1")
IP, NONE = "198.51.100.7/32", "198.51.100.7/32 NoMatchingAdvertisement"
WIDER = "198.51.100.0/24"
WIDEST = "198.51.100.0/23"
IBGP = {"peerASN": 64512}
OPEN = {"allowServiceOverrides": True}


def labels(**match: str) -> list[Object]:
    """Return label selectors."""
    return [{"matchLabels": match}]


@dataclass(frozen=True, slots=True)
class Case:
    """Advertisements and a peer, and the announcements of n1 for a Service at 198.51.100.7."""

    id: str
    says: list[str]
    ads: list[Object]
    peer: Object
    service: Object


def case(
    name: str, says: str | list[str], *ads: Any, peering: Any = None, asks: Any = None, held: str = "198.51.100.7"
) -> Case:
    """Return a row; advertisements given as specs are named a, b and c."""
    named = [one if "kind" in one else advertisement("abc"[index], **one) for index, one in enumerate(ads)]
    web = service("web", held, labels={"app": "web"}, annotations=wants(**(asks or {})))
    return Case(name, [says] if isinstance(says, str) else says, named, peer(**(peering or {})), web)


CASES = [
    case("nothing-said", IP),
    case("empty-spec", IP, {}),
    case("pool-by-name", IP, {"ipAddressPools": ["main"]}),
    case("pool-by-labels", IP, {"ipAddressPoolSelectors": labels(tier="front")}),
    case("pool-by-other-labels", NONE, {"ipAddressPoolSelectors": labels(tier="back")}),
    case(
        "pool-by-name-or-labels",
        IP,
        {"ipAddressPools": ["main"], "ipAddressPoolSelectors": labels(tier="back")},
    ),
    case("service-by-labels", IP, {"serviceSelectors": labels(app="web")}),
    case("service-by-other-labels", NONE, {"serviceSelectors": labels(app="db")}),
    case("service-by-one-of-two", IP, {"serviceSelectors": [*labels(app="db"), *labels(app="web")]}),
    case("node-by-labels", IP, {"nodeSelectors": labels(rack="1")}),
    case("node-by-other-labels", NONE, {"nodeSelectors": labels(rack="2")}),
    case("peer-by-name", IP, {"peers": ["tor"]}),
    case("peer-by-labels", IP, {"peerSelectors": labels(site="x")}, peering={"labels": {"site": "x"}}),
    case("peer-by-other-labels", NONE, {"peerSelectors": labels(site="y")}, peering={"labels": {"site": "x"}}),
    case("peer-by-name-or-labels", IP, {"peers": ["tor"], "peerSelectors": labels(site="y")}),
    case("all-must-hold", NONE, {"serviceSelectors": labels(app="web"), "nodeSelectors": labels(rack="2")}),
    case("one-of-two-is-enough", IP, {"nodeSelectors": labels(rack="2")}, {}),
    case("the-one-that-does-not-match-says-nothing", f"{IP} med=1", {"peers": ["x"], "med": 2}, {"med": 1}),
    case("local-pref-to-ibgp", f"{IP} localPref=300", {"localPref": 300}, peering=IBGP),
    case("no-local-pref-to-ebgp", IP, {"localPref": 300}),
    case("med", f"{IP} med=0", {"med": 0}),
    case("med-to-ibgp", f"{IP} med=5", {"med": 5}, peering=IBGP),
    case("prepend", f"{IP} prepend=3", {"asPathPrepend": 3}),
    case("no-prepend-to-ibgp", IP, {"asPathPrepend": 3}, peering=IBGP),
    case(
        "communities-in-order",
        f"{IP} 9:1 64512:20 64512:100 65535:65281 large:9:1:1 large:64512:1:2 origin:1:1 target:9:1 target:64512:1",
        {
            "communities": [
                *("NO_EXPORT", "64512:100", "9:1", "64512:20"),
                *("large:64512:1:2", "large:9:1:1", "target:64512:1", "target:9:1", "origin:1:1"),
            ]
        },
    ),
    case("communities-add-up", f"{IP} 1:1 1:2", {"communities": ["1:2", "1:1"]}, {"communities": ["1:1"]}),
    case("a-name-and-its-number-are-one", f"{IP} 65535:666", {"communities": ["BLACKHOLE", "65535:666"]}),
    case("communities-by-name", f"{IP} 1:1 1:9 large:7:7:7", {"communities": ["customer", "wide", "1:1"]}),
    case("a-community-with-two-names", f"{IP} 1:9", {"communities": ["customer", "also", "1:9"]}),
    case("an-unknown-community", f"{IP} UnknownCommunity", {"communities": ["1:1", "nobody"]}),
    case("an-unknown-community-beside-others", f"{IP} UnknownCommunity", {"communities": ["nobody"]}, {"med": 1}),
    case("an-unknown-community-elsewhere", f"{IP} med=1", {"communities": ["nobody"], "peers": ["x"]}, {"med": 1}),
    case(
        "an-unknown-community-for-aggregates",
        [IP, f"{WIDER} UnknownCommunity"],
        {"communities": ["nobody"], "aggregationLength": 24},
        {},
    ),
    case("unset-is-no-opinion", f"{IP} med=5 prepend=2", {"med": 5}, {"asPathPrepend": 2}),
    case("equal-is-no-conflict", f"{IP} med=5", {"med": 5}, {"med": 5}),
    case("zero-is-an-opinion", f"{IP} ConflictingAdvertisements", {"med": 5}, {"med": 0}),
    case("conflict-of-local-pref", f"{IP} ConflictingAdvertisements", {"localPref": 5}, {"localPref": 6}, peering=IBGP),
    case("conflict-of-prepend", f"{IP} ConflictingAdvertisements", {"asPathPrepend": 5}, {"asPathPrepend": 6}),
    case("conflict-of-what-ebgp-does-not-carry", IP, {"localPref": 5}, {"localPref": 6}),
    case("conflict-of-what-ibgp-does-not-carry", IP, {"asPathPrepend": 5}, {"asPathPrepend": 6}, peering=IBGP),
    case("conflict-at-another-peer", f"{IP} med=5", {"med": 5}, {"med": 6, "peers": ["other"]}),
    case(
        "conflict-of-two-lengths-is-none",
        [f"{IP} med=6", f"{WIDER} med=5"][::-1],
        {"med": 5, "aggregationLength": 24},
        {"med": 6},
    ),
    case("aggregate", "198.51.100.0/24", {"aggregationLength": 24}),
    case("aggregate-and-host", ["198.51.100.0/24", IP], {"aggregationLength": 24}, {}),
    case(
        "aggregate-told-and-host-in-conflict",
        [WIDER, f"{IP} ConflictingAdvertisements"],
        {"aggregationLength": 24},
        {"med": 5},
        {"med": 6},
    ),
    case(
        "aggregate-in-conflict-and-host-told",
        [IP, f"{WIDER} ConflictingAdvertisements"],
        {"aggregationLength": 24, "med": 5},
        {"aggregationLength": 24, "med": 6},
        {},
    ),
    case(
        "aggregate-and-host-in-conflict-each-for-itself",
        [f"{WIDER} UnknownCommunity", f"{IP} ConflictingAdvertisements"],
        {"aggregationLength": 24, "communities": ["nobody"]},
        {"med": 5},
        {"med": 6},
    ),
    case("aggregate-of-a-part", "198.51.100.4/30", {"aggregationLength": 30}),
    case("aggregate-too-wide", f"{IP} AggregateTooWide", {"aggregationLength": 23}),
    case("aggregate-too-wide-beside-a-host-route", [IP, f"{WIDEST} AggregateTooWide"], {"aggregationLength": 23}, {}),
    case(
        "aggregate-too-wide-beside-one-that-is-not",
        [WIDER, f"{WIDEST} AggregateTooWide"],
        {"aggregationLength": 23},
        {"aggregationLength": 24},
    ),
    case(
        "aggregate-too-wide-beside-a-host-route-in-conflict",
        [f"{WIDEST} AggregateTooWide", f"{IP} ConflictingAdvertisements"],
        {"aggregationLength": 23},
        {"med": 5},
        {"med": 6},
    ),
    case("aggregate-of-the-other-family", IP, {"aggregationLengthV6": 32}),
    case(
        "overrides",
        f"{IP} localPref=7 med=8 1:1",
        {**OPEN, "med": 1, "communities": ["2:2"]},
        peering=IBGP,
        asks={"local_pref": "7", "med": "8", "as_path_prepend": "2", "communities": "1:1"},
    ),
    case("overrides-not-allowed", f"{IP} med=1", {"med": 1}, asks={"med": "8"}),
    case("overrides-not-allowed-by-default", IP, asks={"med": "8"}),
    case(
        "overrides-where-allowed", f"{IP} ConflictingAdvertisements", {**OPEN, "med": 1}, {"med": 1}, asks={"med": "8"}
    ),
    case("overrides-leave-the-rest", f"{IP} med=8 2:2", {**OPEN, "med": 1, "communities": ["2:2"]}, asks={"med": "8"}),
    case("overrides-in-words", f"{IP} 1:1 65535:65281", OPEN, asks={"communities": " NO_EXPORT , 1:1, "}),
    case("overrides-by-name", f"{IP} 1:9 large:7:7:7", OPEN, asks={"communities": "customer,wide"}),
    case("overrides-by-an-unknown-name", f"{IP} UnknownCommunity", OPEN, asks={"communities": "customer,nobody"}),
    case(
        "overrides-in-place-of-an-unknown-name",
        f"{IP} 1:9",
        {**OPEN, "communities": ["nobody"]},
        asks={"communities": "customer"},
    ),
    case("overrides-to-none-at-all", IP, {**OPEN, "communities": ["nobody"]}, asks={"communities": ""}),
    case("overrides-that-cannot-be-read", f"{IP} InvalidRequest", OPEN, asks={"med": "much"}),
    case("overrides-out-of-range", f"{IP} InvalidRequest", OPEN, asks={"med": "4294967296"}),
    case("overrides-of-many-digits", f"{IP} InvalidRequest", OPEN, asks={"med": "9" * 5000}),
    case("overrides-of-no-community", f"{IP} InvalidRequest", OPEN, asks={"communities": "65536:1"}),
    case("overrides-that-nobody-reads", IP, {}, asks={"med": "much"}),
    case("overrides-and-a-typo-elsewhere", f"{IP} med=8", OPEN, asks={"med": "8", "addresses": "x"}),
    case(
        "overrides-are-for-host-routes",
        "198.51.100.0/24 med=1",
        {**OPEN, "med": 1, "aggregationLength": 24},
        asks={"med": "8"},
    ),
]


@pytest.mark.parametrize("row", CASES, ids=lambda row: row.id)
def test_advertising(row: Case) -> None:
    objects = [POOL, NODE, NAMES, row.peer, row.service, endpoints(), *row.ads]
    assert announcements(*objects) == {"n1 tor": row.says}
    assert announcements(*reversed(objects)) == {"n1 tor": row.says}


def test_a_conflict_names_both_and_harms_nothing_else() -> None:
    ads = [advertisement("b", med=5), advertisement("a", med=6, serviceSelectors=labels(app="web"))]
    web, other = service("web", "198.51.100.7", labels={"app": "web"}), service("other", "198.51.100.8")
    objects = [POOL, NODE, peer(), web, other, endpoints(), endpoints("other"), *ads]
    assert announcements(*objects) == {"n1 tor": ["198.51.100.8/32 med=5", f"{IP} ConflictingAdvertisements"]}
    (withheld,) = planned(*objects)["nodes"][0]["sessions"][0]["withheld"]
    assert withheld["reason"] == "ConflictingAdvertisements"
    assert all(word in withheld["message"] for word in ("a (med 6)", "b (med 5)", "198.51.100.7/32", "default/web"))


def test_a_conflict_names_the_service_that_asks() -> None:
    ads = [advertisement("b", med=5), advertisement("a", med=6, allowServiceOverrides=True)]
    web = service("web", "198.51.100.7", annotations=wants(med="7"))
    (withheld,) = planned(POOL, NODE, peer(), web, endpoints(), *ads)["nodes"][0]["sessions"][0]["withheld"]
    assert all(word in withheld["message"] for word in ("a (med 7, ", "default/web", "b (med 5)"))


def test_an_unknown_community_is_named_and_harms_nothing_else() -> None:
    ads = [advertisement("a", communities=["no-export"], serviceSelectors=labels(app="web")), advertisement("b")]
    web, other = service("web", "198.51.100.7", labels={"app": "web"}), service("other", "198.51.100.8")
    objects = [POOL, NODE, peer(), web, other, endpoints(), endpoints("other"), *ads]
    assert announcements(*objects) == {"n1 tor": ["198.51.100.8/32", f"{IP} UnknownCommunity"]}
    (withheld,) = planned(*objects)["nodes"][0]["sessions"][0]["withheld"]
    assert withheld["message"] == (
        "BGPAdvertisement a asks for community no-export: no Community gives no-export a value:"
        " write NO_EXPORT if you mean the well-known one"
    )


WIDE = advertisement(aggregationLength=24)
DRAINING = endpoint(ready=False, serving=True)


@pytest.mark.parametrize(
    ("slices", "says"),
    [
        pytest.param([endpoints("a"), endpoints("b")], ["198.51.100.0/24"], id="both"),
        pytest.param([endpoints("b")], ["198.51.100.0/24", "198.51.100.1/32 NoReadyEndpoints"], id="one"),
        pytest.param([], ["198.51.100.1/32 NoReadyEndpoints", "198.51.100.2/32 NoReadyEndpoints"], id="none"),
        pytest.param([endpoints("a", DRAINING), endpoints("b")], ["198.51.100.0/24"], id="one-draining"),
        pytest.param(
            [endpoints("a", DRAINING), endpoints("b", DRAINING)], ["198.51.100.0/24 65535:0"], id="both-draining"
        ),
        pytest.param(
            [endpoints("a", DRAINING)],
            ["198.51.100.0/24 65535:0", "198.51.100.2/32 NoReadyEndpoints"],
            id="the-last-draining",
        ),
    ],
)
def test_an_aggregate_is_told_while_any_member_is(slices: list[Object], says: list[str]) -> None:
    members = [service("a", "198.51.100.1"), service("b", "198.51.100.2")]
    assert announcements(POOL, NODE, peer(), WIDE, *members, *slices) == {"n1 tor": says}


def test_an_aggregate_says_for_whom_it_is_told() -> None:
    members = [service("b", "198.51.100.1"), service("a", "198.51.100.2")]
    plan = planned(POOL, NODE, peer(), WIDE, *members, endpoints("a"), endpoints("b"))
    assert plan["nodes"][0]["sessions"][0]["routes"][0]["services"] == ["default/a", "default/b"]


@pytest.mark.parametrize(
    ("policy", "counted", "says"),
    [
        pytest.param("Local", 3, f"{IP} bandwidth:64512:3750000", id="local-counts-the-node's-own"),
        pytest.param("Cluster", 3, IP, id="cluster-has-nothing-to-weigh"),
        pytest.param("Local", 1, f"{IP} bandwidth:64512:1250000", id="one-counts-too"),
    ],
)
def test_weight_by_endpoints(policy: str, counted: int, says: str) -> None:
    ready = [endpoint(f"10.88.1.{n}") for n in range(counted)]
    elsewhere = endpoint("10.88.2.1", "n2")
    web = service("web", "198.51.100.7", externalTrafficPolicy=policy)
    slices = endpoints("web", *ready, elsewhere, endpoint("10.88.1.99", ready=False))
    assert announcements(POOL, NODE, peer(), web, slices, advertisement(weight="Endpoints")) == {"n1 tor": [says]}


@pytest.mark.parametrize(("allowing", "says"), [("a", " med=77"), ("b", " 1:1"), ("ab", " med=77 1:1"), ("", "")])
def test_a_sharer_overrides_only_what_selects_it(allowing: str, says: str) -> None:
    """The annotations of a Service count in the advertisements that select this very Service, and in no other."""
    keyed = {name: {"labels": {"s": name}, "annotations": wants(sharing_key="k")} for name in "ab"}
    keyed["a"]["annotations"] |= wants(med="77")
    keyed["b"]["annotations"] |= wants(communities="1:1")
    sharers = [service(name, "198.51.100.7", ports=[{"port": 80 + n}], **keyed[name]) for n, name in enumerate("ab")]
    ads = [
        advertisement(name, serviceSelectors=labels(s=name), allowServiceOverrides=name in allowing) for name in "ab"
    ]
    said = announcements(POOL, NODE, peer(), *sharers, *ads, endpoints("a"), endpoints("b"))
    assert said == {"n1 tor": [f"{IP}{says}"]}
