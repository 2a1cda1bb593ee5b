"""A Service without a request gets the lowest free address of the first pool."""

import pytest

from tests.support.objects import Row, assigned, check, endpoints, namespace, node, pool, service, service_cidr, wants

MAIN = pool("main", "198.51.100.0/24")
IN_TEAM = {"namespaces": ["team"]}
BLUE = {"namespaceSelectors": [{"matchLabels": {"tier": "blue"}}]}
FRONT = {"serviceSelectors": [{"matchLabels": {"app": "front"}}]}


def bound(name: str, third: int, **allocation: object) -> dict[str, object]:
    """Return a pool 198.51.`third`.0/24 that serves only some."""
    return pool(name, f"198.51.{third}.0/24", serviceAllocation=allocation)


ROWS = [
    Row("lowest-first", [MAIN, service()], {"web": "198.51.100.0"}),
    Row(
        "in-order-of-creation",
        [MAIN, service("a", day=3), service("b", day=1), service("c", day=2)],
        {"b": "198.51.100.0", "c": "198.51.100.1", "a": "198.51.100.2"},
    ),
    Row(
        "of-one-moment-by-name",
        [MAIN, service("b", day=1), service("z/a", day=1), service("a", day=1)],
        {"a": "198.51.100.0", "b": "198.51.100.1", "z/a": "198.51.100.2"},
    ),
    Row(
        "not-yet-created-comes-last",
        [MAIN, service("a"), service("b", day=1)],
        {"b": "198.51.100.0", "a": "198.51.100.1"},
    ),
    Row(
        "never-a-cluster-ip",
        [pool("main", "10.95.255.254-10.96.0.9"), service_cidr("10.96.0.0/16"), *map(service, "abc")],
        {"a": "10.95.255.254", "b": "10.95.255.255", "c": "PoolExhausted"},
        "pool main: 2 of 2 addresses are in use",
    ),
    Row(
        "no-cluster-ip-is-kept",
        [pool("main", "10.95.255.254-10.96.0.9"), service_cidr("10.96.0.0/16"), assigned(service("a", "10.96.0.1"))],
        {"a": "10.95.255.254"},
    ),
    Row(
        "gaps-are-filled",
        [MAIN, service("a", "198.51.100.1"), service("b"), service("c")],
        {"a": "198.51.100.1", "b": "198.51.100.0", "c": "198.51.100.2"},
    ),
    Row(
        "lowest-over-ranges-whatever-their-order",
        [pool("main", "198.51.100.9-198.51.100.9", "198.51.100.3-198.51.100.3"), service("a"), service("b")],
        {"a": "198.51.100.3", "b": "198.51.100.9"},
    ),
    Row(
        "exhausted",
        [pool("main", "198.51.100.0/31"), service("a"), service("b"), service("c")],
        {"a": "198.51.100.0", "b": "198.51.100.1", "c": "PoolExhausted"},
        "pool main: 2 of 2 addresses are in use",
    ),
    Row("no-pool-at-all", [service()], {"web": "NoMatchingPool"}, "there is no IPAddressPool"),
    Row(
        "no-pool-but-broken-ones",
        [pool("y", "all"), pool("x", "all"), service()],
        {"web": "NoMatchingPool"},
        "x, y",
    ),
    Row(
        "pools-by-name",
        [pool("b", "198.51.100.0/24"), pool("a", "198.51.101.0/24"), service()],
        {"web": "198.51.101.0"},
    ),
    Row(
        "next-pool-where-the-first-is-full",
        [pool("a", "198.51.101.0/32"), pool("b", "198.51.100.0/24"), service("a"), service("b")],
        {"a": "198.51.101.0", "b": "198.51.100.0"},
    ),
    Row(
        "lower-priority-first",
        [bound("a", 100, priority=20), bound("b", 101, priority=10), service()],
        {"web": "198.51.101.0"},
    ),
    Row("priority-before-none", [MAIN, bound("z", 101, priority=2147483647), service()], {"web": "198.51.101.0"}),
    Row("priority-0-is-none", [bound("z", 101, priority=0), MAIN, service()], {"web": "198.51.100.0"}),
    Row("bound-before-open", [MAIN, bound("z", 101, **IN_TEAM), service("team/web")], {"team/web": "198.51.101.0"}),
    Row(
        "priority-before-bound",
        [bound("z", 101, **IN_TEAM), bound("a", 100, priority=9), service("team/web")],
        {"team/web": "198.51.100.0"},
    ),
    Row("bound-to-another-namespace", [bound("z", 101, **IN_TEAM), service()], {"web": "NoMatchingPool"}),
    Row(
        "bound-by-namespace-labels",
        [bound("z", 101, **BLUE), namespace("team", tier="blue"), service("team/web"), service()],
        {"team/web": "198.51.101.0", "web": "NoMatchingPool"},
    ),
    Row(
        "bound-by-the-namespace-name-without-a-namespace-object",
        [
            bound("z", 101, namespaceSelectors=[{"matchLabels": {"kubernetes.io/metadata.name": "team"}}]),
            service("team/web"),
        ],
        {"team/web": "198.51.101.0"},
    ),
    Row(
        "by-namespace-name-or-labels",
        [bound("z", 101, **IN_TEAM, **BLUE), namespace("b", tier="blue"), service("team/a"), service("b/a")],
        {"b/a": "198.51.101.0", "team/a": "198.51.101.1"},
    ),
    Row(
        "bound-by-service-labels",
        [bound("z", 101, **FRONT), service("a", labels={"app": "front"}), service("b")],
        {"a": "198.51.101.0", "b": "NoMatchingPool"},
    ),
    Row(
        "namespace-and-service-labels",
        [
            bound("z", 101, **IN_TEAM, **FRONT),
            service("team/a", labels={"app": "front"}),
            service("team/b"),
            service("c", labels={"app": "front"}),
        ],
        {"team/a": "198.51.101.0", "team/b": "NoMatchingPool", "c": "NoMatchingPool"},
        "autoAssign and serviceAllocation of z",
    ),
    Row("no-auto-assign", [pool("main", "198.51.100.0/24", autoAssign=False), service()], {"web": "NoMatchingPool"}),
    Row("disabled", [pool("main", "198.51.100.0/24", disabled=True), service()], {"web": "PoolDisabled"}),
    Row(
        "disabled-is-passed-over",
        [pool("a", "198.51.101.0/24", disabled=True), MAIN, service()],
        {"web": "198.51.100.0"},
    ),
    Row(
        "buggy-addresses-are-avoided",
        [pool("main", "198.51.100.254-198.51.101.1", avoidBuggyIPs=True), *map(service, "abc")],
        {"a": "198.51.100.254", "b": "198.51.101.1", "c": "PoolExhausted"},
        "pool main: 2 of 2",
    ),
    Row(
        "buggy-in-ipv6-are-not",
        [pool("main", "2001:db8::/64", avoidBuggyIPs=True), service(ipFamilies=["IPv6"])],
        {"web": "2001:db8::"},
    ),
    Row(
        "a-node-has-it",
        [MAIN, node("n1", "198.51.100.0", external=["198.51.100.1"]), service()],
        {"web": "198.51.100.2"},
    ),
    Row("endpoints-do-not-matter", [MAIN, service(), endpoints("web")], {"web": "198.51.100.0"}),
    Row("a-large-pool", [pool("main", "10.0.0.0/8", "2001:db8::/32"), service()], {"web": "10.0.0.0"}),
    Row(
        "named-pool",
        [MAIN, pool("z", "198.51.101.0/24"), service(annotations=wants(pool="z"))],
        {"web": "198.51.101.0"},
    ),
    Row(
        "named-pool-without-auto-assign",
        [MAIN, pool("z", "198.51.101.0/24", autoAssign=False), service(annotations=wants(pool="z"))],
        {"web": "198.51.101.0"},
    ),
    Row(
        "named-pool-is-not-there",
        [MAIN, service(annotations=wants(pool="z"))],
        {"web": "PoolNotFound"},
        "IPAddressPool z",
    ),
    Row(
        "named-pool-is-out-of-force",
        [MAIN, pool("z", "198.51.100.7/24"), service(annotations=wants(pool="z"))],
        {"web": "PoolNotFound"},
    ),
    Row(
        "named-pool-serves-others",
        [MAIN, bound("z", 101, **IN_TEAM), service(annotations=wants(pool="z"))],
        {"web": "PoolNotAllowed"},
    ),
    Row(
        "named-pool-is-full",
        [MAIN, pool("z", "198.51.101.0/32"), service("a", "198.51.101.0"), service("b", annotations=wants(pool="z"))],
        {"a": "198.51.101.0", "b": "PoolExhausted"},
    ),
    Row(
        "named-pool-is-disabled",
        [MAIN, pool("z", "198.51.101.0/24", disabled=True), service(annotations=wants(pool="z"))],
        {"web": "PoolDisabled"},
    ),
    Row(
        "named-by-metallb",
        [MAIN, pool("z", "198.51.101.0/24"), service(annotations={"metallb.io/address-pool": "z"})],
        {"web": "198.51.101.0"},
    ),
    Row(
        "named-twice-and-differently",
        [MAIN, service(annotations={"metallb.universe.tf/address-pool": "z", "exalb.io/pool": "main"})],
        {"web": "ContradictoryRequest"},
        "exalb.io/pool and metallb.universe.tf/address-pool",
    ),
    Row("blank-wishes-are-none", [MAIN, service(annotations=wants(pool=" ", addresses=""))], {"web": "198.51.100.0"}),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_choice(row: Row) -> None:
    check(row)
