"""A Service keeps its address while it is valid, and releases it otherwise, even without another one."""

import pytest

from tests.support.objects import Row, assigned, check, namespace, node, pool, service, wants

MAIN = pool("main", "198.51.100.0/24")
SPARE = pool("spare", "203.0.113.0/24")
HAS = "198.51.100.7"
UNMARKED = service("web", HAS)
WEB = assigned(UNMARKED)
TEAM = {"namespaces": ["team"]}

ROWS = [
    Row("kept", [MAIN, WEB], {"web": HAS}),
    Row("kept-in-a-wider-pool", [pool("main", "198.51.0.0/16"), WEB], {"web": HAS}),
    Row("kept-in-a-pool-shrunk-around-it", [pool("main", "198.51.100.7/32"), WEB], {"web": HAS}),
    Row("kept-in-a-renamed-pool", [pool("other", "198.51.100.0/24"), WEB], {"web": HAS}),
    Row(
        "kept-in-a-split-pool",
        [pool("a", "198.51.100.0/29"), pool("b", "198.51.100.8/29"), WEB, service("z", "198.51.100.9")],
        {"web": HAS, "z": "198.51.100.9"},
    ),
    Row(
        "kept-in-a-reordered-pool",
        [pool("main", "198.51.100.128/25", "198.51.100.0/25"), WEB],
        {"web": HAS},
    ),
    Row(
        "kept-from-a-better-pool",
        [pool("a", "192.0.2.0/24", serviceAllocation={"priority": 1}), MAIN, WEB],
        {"web": HAS},
    ),
    Row("kept-from-a-lower-address", [MAIN, WEB, service("new", day=1)], {"web": HAS, "new": "198.51.100.0"}),
    Row("kept-without-auto-assign", [pool("main", "198.51.100.0/24", autoAssign=False), SPARE, WEB], {"web": HAS}),
    Row("kept-in-a-disabled-pool", [pool("main", "198.51.100.0/24", disabled=True), SPARE, WEB], {"web": HAS}),
    Row(
        "kept-over-a-quota-lowered",
        [pool("main", "198.51.100.0/24", quotaPerNamespace=1), WEB, service("z", "198.51.100.9")],
        {"web": HAS, "z": "198.51.100.9"},
    ),
    Row(
        "kept-in-a-pool-bound-to-it",
        [pool("main", "198.51.100.0/24", serviceAllocation={"namespaces": ["default"]}), WEB],
        {"web": HAS},
    ),
    Row("kept-with-the-class-named", [MAIN, service("web", HAS, loadBalancerClass="exalb.io/bgp")], {"web": HAS}),
    Row(
        "kept-though-the-named-pool-is-gone",
        [MAIN, service("web", HAS, annotations=wants(pool="old"))],
        {"web": f"{HAS} but PoolNotFound"},
    ),
    Row(
        "kept-though-the-named-pool-is-full",
        [
            MAIN,
            pool("z", "203.0.113.1/32"),
            service("z", "203.0.113.1"),
            service("web", HAS, annotations=wants(pool="z")),
        ],
        {"z": "203.0.113.1", "web": f"{HAS} but PoolExhausted"},
    ),
    Row(
        "moves-to-the-named-pool",
        [MAIN, SPARE, service("web", HAS, annotations=wants(pool="spare"))],
        {"web": "203.0.113.0"},
    ),
    Row("lost-with-its-pool", [WEB], {"web": "NoMatchingPool"}),
    Row("lost-with-its-pool-and-moved", [SPARE, WEB], {"web": "203.0.113.0"}),
    Row("lost-to-a-pool-shrunk-past-it", [pool("main", "198.51.100.8/29"), WEB], {"web": "198.51.100.8"}),
    Row(
        "lost-with-nowhere-to-go",
        [pool("main", "198.51.100.8/32"), service("z", "198.51.100.8"), WEB],
        {"z": "198.51.100.8", "web": "PoolExhausted"},
    ),
    Row("lost-in-a-pool-out-of-force", [pool("main", "198.51.100.7/24"), WEB], {"web": "NoMatchingPool"}),
    Row(
        "lost-in-a-pool-that-is-not-active",
        [pool("a", "198.51.100.128/25", day=1), pool("main", "198.51.100.0/24", day=2), WEB],
        {"web": "198.51.100.128"},
    ),
    Row(
        "lost-to-a-binding",
        [pool("main", "198.51.100.0/24", serviceAllocation=TEAM), SPARE, WEB],
        {"web": "203.0.113.0"},
    ),
    Row(
        "lost-to-new-labels-of-a-namespace",
        [
            pool("main", "198.51.100.0/24", serviceAllocation={"namespaceSelectors": [{"matchLabels": {"a": "b"}}]}),
            namespace("default", a="c"),
            WEB,
        ],
        {"web": "NoMatchingPool"},
    ),
    Row(
        "lost-to-avoiding",
        [pool("main", "198.51.100.0/24", avoidBuggyIPs=True), service("web", "198.51.100.255")],
        {"web": "198.51.100.1"},
    ),
    Row("kept-although-a-node-claims-it", [MAIN, node("n1", HAS), WEB], {"web": HAS}),
    Row(
        "lost-to-a-reservation",
        [pool("main", "198.51.100.0/24", reservations=[{"address": HAS, "namespace": "team"}]), WEB],
        {"web": "198.51.100.0"},
    ),
    Row("not-ours-by-class", [MAIN, service("web", HAS, loadBalancerClass="example.org/lb")], {}),
    Row("not-ours-by-type", [MAIN, service("web", type="ClusterIP"), service("x", type="NodePort")], {}),
    Row("ours-by-class", [MAIN, service("web", loadBalancerClass="exalb.io/bgp")], {"web": "198.51.100.0"}),
    Row("ours-by-an-empty-class", [MAIN, service("web", loadBalancerClass="")], {"web": "198.51.100.0"}),
    Row(
        "a-stranger's-address-is-not-given",
        [MAIN, service("z", "198.51.100.0", loadBalancerClass="example.org/lb"), service("web")],
        {"web": "198.51.100.1"},
    ),
    Row("a-status-that-is-no-address", [MAIN, service("web", "lb.example.org", HAS)], {"web": HAS}),
    Row("a-status-with-one-address-twice", [MAIN, service("web", HAS, HAS)], {"web": HAS}),
    Row(
        "what-one-gives-back-another-gets-at-once",
        [pool("one", "198.51.100.7/32", serviceAllocation=TEAM), WEB, service("team/web")],
        {"web": "NoMatchingPool", "team/web": HAS},
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_keeping(row: Row) -> None:
    check(row)


RESERVED = [{"address": HAS, "namespace": "default", "service": "web"}]
FOR_TEAM = [{"address": "198.51.100.1", "namespace": "team"}]

HELD_BACK = [
    Row(
        "reserved-for-a-service",
        [pool("main", "198.51.100.0/24", reservations=RESERVED), service("a"), service()],
        {"a": "198.51.100.0", "web": HAS},
    ),
    Row(
        "reserved-while-it-is-away",
        [pool("main", "198.51.100.6/31", reservations=RESERVED), service("a"), service("b")],
        {"a": "198.51.100.6", "b": "PoolExhausted"},
        "pool main: 1 of 2 addresses are in use, 1 reserved",
    ),
    Row(
        "reserved-even-if-asked-for",
        [pool("main", "198.51.100.0/24", reservations=RESERVED), service("a", annotations=wants(addresses=HAS))],
        {"a": "AddressReserved"},
        "reserved for default/web",
    ),
    Row(
        "reserved-for-a-namespace",
        [pool("main", "198.51.100.0/24", reservations=FOR_TEAM), service("a"), service("b"), service("team/a")],
        {"a": "198.51.100.0", "b": "198.51.100.2", "team/a": "198.51.100.1"},
    ),
    Row(
        "its-own-before-its-namespace's",
        [
            pool(
                "main",
                "198.51.100.0/24",
                reservations=[*FOR_TEAM, {"address": HAS, "namespace": "team", "service": "web"}],
            ),
            service("team/a"),
            service("team/web"),
        ],
        {"team/a": "198.51.100.1", "team/web": HAS},
    ),
    Row(
        "its-own-before-a-better-pool",
        [pool("a", "203.0.113.0/24"), pool("main", "198.51.100.0/24", reservations=RESERVED), service()],
        {"web": HAS},
    ),
    Row(
        "its-own-without-auto-assign",
        [pool("main", "198.51.100.0/24", autoAssign=False, reservations=RESERVED), service("a"), service()],
        {"a": "NoMatchingPool", "web": HAS},
    ),
    Row(
        "its-own-is-no-door-to-the-rest",
        [pool("main", "198.51.100.0/24", autoAssign=False, reservations=RESERVED), node("n1", HAS), service()],
        {"web": "NoMatchingPool"},
    ),
    Row(
        "its-own-taken-by-a-node",
        [
            pool("main", "198.51.100.0/24", reservations=RESERVED),
            pool("a", "203.0.113.0/24"),
            node("n1", HAS),
            service(),
        ],
        {"web": "203.0.113.0"},
    ),
    Row(
        "its-own-in-a-pool-for-others",
        [pool("main", "198.51.100.0/24", reservations=RESERVED, serviceAllocation=TEAM), service()],
        {"web": "NoMatchingPool"},
    ),
    Row(
        "its-own-in-a-disabled-pool",
        [pool("main", "198.51.100.0/24", reservations=RESERVED, disabled=True), SPARE, service()],
        {"web": "203.0.113.0"},
    ),
    Row(
        "holding-another-it-stays",
        [pool("main", "198.51.100.0/24", reservations=RESERVED), service("web", "198.51.100.9")],
        {"web": "198.51.100.9"},
    ),
    Row(
        "outside-the-pool-nobody-gets-it",
        [pool("main", "203.0.113.0/24", reservations=RESERVED), service()],
        {"web": "203.0.113.0"},
    ),
    Row(
        "a-pair-with-one-half-reserved",
        [
            pool("main", "198.51.100.0/24", "2001:db8::/64", autoAssign=False, reservations=RESERVED),
            service(ipFamilyPolicy="RequireDualStack"),
        ],
        {"web": f"{HAS} 2001:db8::"},
    ),
    Row(
        "quota",
        [pool("main", "198.51.100.0/24", quotaPerNamespace=1), *map(service, ("a", "b", "team/c"))],
        {"a": "198.51.100.0", "b": "QuotaExceeded", "team/c": "198.51.100.1"},
        "namespace default has 1 addresses of pool main",
    ),
    Row(
        "quota-is-per-pool",
        [pool("a", "203.0.113.0/24", quotaPerNamespace=1), MAIN, *map(service, "ab")],
        {"a": "203.0.113.0", "b": "198.51.100.0"},
    ),
    Row(
        "quota-for-explicit-addresses",
        [pool("main", "198.51.100.0/24", quotaPerNamespace=1), service("a"), service(annotations=wants(addresses=HAS))],
        {"a": "198.51.100.0", "web": "QuotaExceeded"},
    ),
    Row(
        "quota-does-not-stop-a-move",
        [
            pool("main", "198.51.100.0/24", quotaPerNamespace=1),
            service("web", "198.51.100.1", annotations=wants(addresses=HAS)),
        ],
        {"web": HAS},
    ),
    Row(
        "quota-below-use-does-not-stop-a-move",
        [
            pool("main", "198.51.100.0/24", quotaPerNamespace=1),
            service("a", "198.51.100.1"),
            service("web", "198.51.100.2", annotations=wants(addresses=HAS)),
            service("c"),
        ],
        {"a": "198.51.100.1", "web": HAS, "c": "QuotaExceeded"},
        "namespace default has 2 addresses of pool main",
    ),
    Row(
        "quota-counts-both-of-a-pair",
        [
            pool("main", "198.51.100.0/24", "2001:db8::/64", quotaPerNamespace=1),
            service(ipFamilyPolicy="RequireDualStack"),
        ],
        {"web": "QuotaExceeded"},
    ),
    Row(
        "quota-leaves-one-of-a-pair",
        [
            pool("main", "198.51.100.0/24", "2001:db8::/64", quotaPerNamespace=1),
            service(ipFamilyPolicy="PreferDualStack"),
        ],
        {"web": "198.51.100.0"},
    ),
    Row(
        "quota-for-the-other-half",
        [
            pool("main", "198.51.100.0/24", "2001:db8::/64", quotaPerNamespace=1),
            service("web", HAS, ipFamilyPolicy="RequireDualStack"),
        ],
        {"web": f"{HAS} but QuotaExceeded"},
    ),
    Row(
        "quota-for-an-explicit-pair",
        [
            pool("main", "198.51.100.0/24", "2001:db8::/64", quotaPerNamespace=1),
            service(annotations=wants(addresses=f"{HAS},2001:db8::7"), ipFamilyPolicy="RequireDualStack"),
        ],
        {"web": "QuotaExceeded"},
    ),
    Row(
        "quota-counts-a-shared-address-once",
        [
            pool("main", "198.51.100.0/24", quotaPerNamespace=1),
            *(
                service(name, annotations=wants(sharing_key="k"), ports=[{"port": port}])
                for name, port in (("a", 80), ("b", 81))
            ),
        ],
        {"a": "198.51.100.0", "b": "198.51.100.0"},
    ),
    Row(
        "quota-full-of-reserved",
        [pool("main", "198.51.100.0/24", quotaPerNamespace=1, reservations=RESERVED), service("a"), service("web")],
        {"a": "198.51.100.0", "web": "QuotaExceeded"},
    ),
]


@pytest.mark.parametrize("row", HELD_BACK, ids=lambda row: row.id)
def test_reservations_and_quotas(row: Row) -> None:
    check(row)
