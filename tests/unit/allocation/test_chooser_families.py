"""Families: how many addresses a Service gets and in which order, as the API server would default it."""

from typing import Any

import pytest

from tests.support.objects import Row, assigned, check, pool, service, wants

FOUR, SIX = pool("four", "198.51.100.0/24"), pool("six", "2001:db8:6::/64")
DUAL = pool("dual", "203.0.113.0/24", "2001:db8::/64")
PREFER, REQUIRE, SINGLE = ({"ipFamilyPolicy": f"{one}Stack"} for one in ("PreferDual", "RequireDual", "Single"))
V6_FIRST: dict[str, Any] = {"ipFamilies": ["IPv6", "IPv4"]}
IP4, IP6 = "10.96.0.10", "fd00:96::10"
PAIR, RIAP = "203.0.113.0 2001:db8::", "2001:db8:: 203.0.113.0"

ROWS = [
    Row("nothing-said-is-ipv4", [DUAL, service()], {"web": "203.0.113.0"}),
    Row("ipv6", [DUAL, service(ipFamilies=["IPv6"])], {"web": "2001:db8::"}),
    Row("ipv6-by-its-cluster-ip", [DUAL, service(clusterIP=IP6)], {"web": "2001:db8::"}),
    Row("ipv6-by-its-cluster-ips", [DUAL, service(clusterIP=IP6, clusterIPs=[IP6])], {"web": "2001:db8::"}),
    Row("headless-address-says-nothing", [DUAL, service(clusterIP="None")], {"web": "203.0.113.0"}),
    Row(
        "no-ipv6-in-the-pool",
        [FOUR, service(ipFamilies=["IPv6"])],
        {"web": "FamilyNotAvailable"},
        "pool four has no IPv6 addresses",
    ),
    Row(
        "a-family-that-is-lacking-counts-more-than-one-that-is-full",
        [pool("four", "198.51.100.0/32"), service("a", "198.51.100.0"), service(**REQUIRE)],
        {"a": "198.51.100.0", "web": "FamilyNotAvailable"},
        "pool four has no IPv6 addresses",
    ),
    Row("skips-pools-of-the-other-family", [FOUR, SIX, service(ipFamilies=["IPv6"])], {"web": "2001:db8:6::"}),
    Row("single-is-one", [DUAL, service(**SINGLE)], {"web": "203.0.113.0"}),
    Row("single-is-one-of-two", [DUAL, service(**SINGLE, **V6_FIRST)], {"web": "2001:db8::"}),
    Row("require", [DUAL, service(**REQUIRE)], {"web": PAIR}),
    Row("require-with-one-family-named", [DUAL, service(**REQUIRE, ipFamilies=["IPv6"])], {"web": RIAP}),
    Row("require-with-one-cluster-ip", [DUAL, service(**REQUIRE, clusterIP=IP4)], {"web": PAIR}),
    Row("require-in-order", [DUAL, service(**REQUIRE, **V6_FIRST)], {"web": RIAP}),
    Row("require-by-cluster-ips", [DUAL, service(**REQUIRE, clusterIPs=[IP6, IP4])], {"web": RIAP}),
    Row("two-families-without-a-policy", [DUAL, service(**V6_FIRST)], {"web": RIAP}),
    Row("two-cluster-ips-without-a-policy", [DUAL, service(clusterIPs=[IP4, IP6])], {"web": PAIR}),
    Row("require-takes-both-from-one-pool", [FOUR, SIX, DUAL, service(**REQUIRE)], {"web": PAIR}),
    Row(
        "require-gets-none-from-two-pools",
        [FOUR, SIX, service(**REQUIRE)],
        {"web": "FamilyNotAvailable"},
        "pool four has no IPv6 addresses; pool six has no IPv4 addresses",
    ),
    Row(
        "require-both-or-none",
        [pool("dual", "203.0.113.0/32", "2001:db8::/64"), service("a", "203.0.113.0"), service("b", **REQUIRE)],
        {"a": "203.0.113.0", "b": "PoolExhausted"},
        "pool dual: 1 of 1 IPv4 addresses are in use",
    ),
    Row("prefer", [DUAL, service(**PREFER)], {"web": PAIR}),
    Row("prefer-in-order", [DUAL, service(**PREFER, **V6_FIRST)], {"web": RIAP}),
    Row("prefer-with-one-family-named", [DUAL, service(**PREFER, ipFamilies=["IPv6"])], {"web": RIAP}),
    Row(
        "prefer-in-a-cluster-of-one-family",
        [DUAL, service(**PREFER, ipFamilies=["IPv4"], clusterIPs=[IP4])],
        {"web": "203.0.113.0"},
    ),
    Row("prefer-in-a-cluster-of-ipv6", [DUAL, service(**PREFER, clusterIPs=[IP6])], {"web": "2001:db8::"}),
    Row("prefer-two-cluster-ips", [DUAL, service(**PREFER, clusterIPs=[IP6, IP4])], {"web": RIAP}),
    Row(
        "prefer-takes-a-pair-before-one",
        [FOUR, pool("z", "203.0.113.0/24", "2001:db8::/64"), service(**PREFER)],
        {"web": PAIR},
    ),
    Row("prefer-is-content-with-one", [FOUR, service(**PREFER)], {"web": "198.51.100.0"}),
    Row("prefer-is-content-with-the-second", [SIX, service(**PREFER)], {"web": "2001:db8:6::"}),
    Row(
        "prefer-wants-the-first-family-of-two-pools",
        [FOUR, SIX, service(**PREFER, **V6_FIRST)],
        {"web": "2001:db8:6::"},
    ),
    Row("prefer-gets-none", [service(**PREFER)], {"web": "NoMatchingPool"}),
    Row("prefer-named-pool", [FOUR, DUAL, service(**PREFER, annotations=wants(pool="four"))], {"web": "198.51.100.0"}),
    Row(
        "require-named-pool",
        [FOUR, DUAL, service(**REQUIRE, annotations=wants(pool="four"))],
        {"web": "FamilyNotAvailable"},
    ),
    Row("half-is-completed", [DUAL, service("web", "203.0.113.9", **REQUIRE)], {"web": "203.0.113.9 2001:db8::"}),
    Row(
        "half-is-completed-for-prefer",
        [DUAL, service("web", "2001:db8::9", **PREFER)],
        {"web": "203.0.113.0 2001:db8::9"},
    ),
    Row(
        "half-is-completed-from-its-pool-alone",
        [pool("a", "192.0.2.0/24", "2001:db8:a::/64"), DUAL, service("web", "203.0.113.9", **REQUIRE)],
        {"web": "203.0.113.9 2001:db8::"},
    ),
    Row(
        "half-is-completed-without-auto-assign",
        [pool("dual", "203.0.113.0/24", "2001:db8::/64", autoAssign=False), service("web", "203.0.113.9", **REQUIRE)],
        {"web": "203.0.113.9 2001:db8::"},
    ),
    Row("half-moves-whole-where-required", [FOUR, DUAL, service("web", "198.51.100.9", **REQUIRE)], {"web": PAIR}),
    Row(
        "half-moves-whole-out-of-a-disabled-pool",
        [pool("z", "192.0.2.0/24", "2001:db8:9::/64", disabled=True), DUAL, service("web", "192.0.2.9", **REQUIRE)],
        {"web": PAIR},
    ),
    Row(
        "half-stays-where-there-is-no-pair",
        [FOUR, SIX, service("web", "198.51.100.9", **REQUIRE)],
        {"web": "198.51.100.9 but FamilyNotAvailable"},
    ),
    Row("half-stays-where-preferred", [FOUR, DUAL, service("web", "198.51.100.9", **PREFER)], {"web": "198.51.100.9"}),
    Row(
        "half-asked-for-is-not-enough",
        [FOUR, service("web", "198.51.100.9", **PREFER, annotations=wants(addresses="198.51.100.9"))],
        {"web": "198.51.100.9 but ContradictoryRequest"},
    ),
    Row(
        "half-asked-for-in-a-cluster-of-one-family",
        [FOUR, service("web", "198.51.100.9", **PREFER, clusterIP=IP4, annotations=wants(addresses="198.51.100.9"))],
        {"web": "198.51.100.9"},
    ),
    Row(
        "half-is-completed-where-the-pool-got-the-other-family",
        [pool("four", "198.51.100.0/24", "2001:db8:6::/64"), service("web", "198.51.100.9", **PREFER)],
        {"web": "198.51.100.9 2001:db8:6::"},
    ),
    Row(
        "half-moves-to-the-named-pool",
        [FOUR, DUAL, service("web", "198.51.100.9", **PREFER, annotations=wants(pool="dual"))],
        {"web": PAIR},
    ),
    Row(
        "half-stays-in-the-named-pool",
        [FOUR, DUAL, service("web", "198.51.100.9", **PREFER, annotations=wants(pool="four"))],
        {"web": "198.51.100.9"},
    ),
    Row(
        "pair-in-two-pools-stays",
        [FOUR, SIX, DUAL, service("web", "198.51.100.9", "2001:db8:6::9", **REQUIRE)],
        {"web": "198.51.100.9 2001:db8:6::9"},
    ),
    Row("pair-becomes-one", [DUAL, service("web", "203.0.113.9", "2001:db8::9")], {"web": "203.0.113.9"}),
    Row(
        "pair-turns-round",
        [DUAL, service("web", "203.0.113.9", "2001:db8::9", **REQUIRE, **V6_FIRST)],
        {"web": "2001:db8::9 203.0.113.9"},
    ),
    Row("family-changes", [DUAL, service("web", "203.0.113.9", ipFamilies=["IPv6"])], {"web": "2001:db8::"}),
    Row("two-of-one-family-become-one", [DUAL, service("web", "203.0.113.9", "203.0.113.8")], {"web": "203.0.113.9"}),
    Row(
        "the-valid-one-of-two-stays",
        [DUAL, assigned(service("web", "192.0.2.1", "203.0.113.8"))],
        {"web": "203.0.113.8"},
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_families(row: Row) -> None:
    check(row)
