"""The values that a Service may request for attributes of its routes, as its advertisement lists them."""

from typing import Any

import pytest

from tests.support.objects import (
    Object,
    advertisement,
    announcements,
    community,
    endpoints,
    node,
    peer,
    planned,
    pool,
    service,
    wants,
)

IP = "198.51.100.7/32"
REFUSED = f"{IP} OverrideNotAllowed"
ALL = {"allowServiceOverrides": True}


def limits(**listed: Any) -> Object:
    """Return the spec of an advertisement that lists these values."""
    return {"med": 1, "communities": ["2:2"], "serviceOverrides": listed}


COMMUNITIES = limits(communities=["65001:*", "large:7:1:*", "target:64512:9", "customer", "NO_EXPORT"])
MED = limits(med={"min": 5, "max": 9})
PREPEND = limits(asPathPrepend={"max": 2})

CASES = [
    pytest.param(ALL, {"communities": "BLACKHOLE"}, REFUSED, id="all-blackhole"),
    pytest.param(ALL, {"communities": "1:1,65535:666"}, REFUSED, id="all-blackhole-in-numbers"),
    pytest.param(ALL, {"communities": "hole"}, REFUSED, id="all-blackhole-by-another-name"),
    pytest.param(ALL, {"communities": "target:64512:9"}, REFUSED, id="all-route-target"),
    pytest.param(ALL, {"communities": "origin:1:2,NO_EXPORT"}, f"{IP} 65535:65281 origin:1:2", id="all-others"),
    pytest.param(ALL, {"local_pref": "101"}, REFUSED, id="all-local-pref-above-the-default"),
    pytest.param(ALL, {"local_pref": "100"}, f"{IP} localPref=100", id="all-local-pref-of-the-default"),
    pytest.param({**ALL, "localPref": 200}, {"local_pref": "200"}, f"{IP} localPref=200", id="all-local-pref-as-given"),
    pytest.param({**ALL, "localPref": 50}, {"local_pref": "51"}, REFUSED, id="all-local-pref-above-the-given"),
    pytest.param(ALL, {"med": "4294967295"}, f"{IP} med=4294967295", id="all-med"),
    pytest.param(limits(), {"med": "8", "communities": "1:1"}, f"{IP} med=1 2:2", id="nothing-listed"),
    pytest.param(MED, {"med": "5"}, f"{IP} med=5 2:2", id="med-lowest"),
    pytest.param(MED, {"med": "9", "communities": "1:1"}, f"{IP} med=9 2:2", id="med-highest-and-an-unlisted-one"),
    pytest.param(MED, {"med": "4"}, REFUSED, id="med-below"),
    pytest.param(MED, {"med": "10"}, REFUSED, id="med-above"),
    pytest.param(PREPEND, {"as_path_prepend": "3"}, REFUSED, id="prepend-above"),
    pytest.param(
        limits(localPref={"max": 300}), {"local_pref": "300"}, f"{IP} localPref=300 med=1 2:2", id="local-pref"
    ),
    pytest.param(COMMUNITIES, {"communities": "65001:7"}, f"{IP} med=1 65001:7", id="community-of-a-block"),
    pytest.param(COMMUNITIES, {"communities": "6500:7"}, REFUSED, id="community-of-a-similar-number"),
    pytest.param(COMMUNITIES, {"communities": "large:65001:1:1"}, REFUSED, id="large-is-another-kind"),
    pytest.param(COMMUNITIES, {"communities": "large:7:1:5"}, f"{IP} med=1 large:7:1:5", id="large-of-a-block"),
    pytest.param(COMMUNITIES, {"communities": "large:7:12:5"}, REFUSED, id="large-of-no-block"),
    pytest.param(COMMUNITIES, {"communities": "target:64512:9"}, f"{IP} med=1 target:64512:9", id="listed-target"),
    pytest.param(COMMUNITIES, {"communities": "1:9"}, f"{IP} med=1 1:9", id="the-value-of-a-listed-name"),
    pytest.param(COMMUNITIES, {"communities": "also"}, f"{IP} med=1 1:9", id="another-name-of-the-value"),
    pytest.param(COMMUNITIES, {"communities": "65535:65281"}, f"{IP} med=1 65535:65281", id="well-known-in-numbers"),
    pytest.param(COMMUNITIES, {"communities": "BLACKHOLE"}, REFUSED, id="unlisted-well-known"),
    pytest.param(COMMUNITIES, {"communities": "nobody"}, f"{IP} UnknownCommunity", id="unknown-name"),
    pytest.param(COMMUNITIES, {"communities": ""}, f"{IP} med=1", id="none-at-all"),
    pytest.param(COMMUNITIES, {"communities": "x y"}, f"{IP} InvalidRequest", id="unreadable"),
]


@pytest.mark.parametrize(("spec", "requests", "route"), CASES)
def test_override_limits(spec: Object, requests: dict[str, str], route: str) -> None:
    web = service("web", "198.51.100.7", annotations=wants(**requests))
    names = community(customer="1:9", also="1:9", hole="BLACKHOLE")
    rest = [pool("main", "198.51.100.0/24"), node(), peer(peerASN=64512), endpoints(), names]
    assert announcements(*rest, web, advertisement("ad", **spec)) == {"n1 tor": [route]}


def test_refused_value_costs_only_the_service_that_requests_it() -> None:
    """A sharer that requests BLACKHOLE has no part in the route; the other one keeps it."""
    shared = [
        service(name, "198.51.100.7", ports=[{"port": 80 + n}], annotations=wants(sharing_key="k", **requests))
        for n, (name, requests) in enumerate([("a", {"communities": "BLACKHOLE"}), ("b", {})])
    ]
    objects = [pool("main", "198.51.100.0/24"), node(), peer(), *shared, endpoints("a"), endpoints("b")]
    session = planned(*objects, advertisement(allowServiceOverrides=True))["nodes"][0]["sessions"][0]
    assert [(route["prefix"], route["services"]) for route in session["routes"]] == [(IP, ["default/b"])]
    assert [(row["service"], row["reason"]) for row in session["withheld"]] == [("default/a", "OverrideNotAllowed")]
