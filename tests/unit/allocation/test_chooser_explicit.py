"""A Service that requests an address gets it, or keeps its present one with the reason."""

import pytest

from tests.support.objects import Row, advertisement, check, node, pool, service, wants

MAIN = pool("main", "198.51.100.0/24")
DUAL = pool("main", "198.51.100.0/24", "2001:db8::/64")
ASK = wants(addresses="198.51.100.7")
PAIR = wants(addresses="2001:db8::7, 198.51.100.7")
BOTH = {"ipFamilyPolicy": "RequireDualStack"}
OTHER_CLASS = {"loadBalancerClass": "example.org/lb"}


def metallb(addresses: str, prefix: str = "metallb.io") -> dict[str, str]:
    """Return MetalLB's annotation for addresses."""
    return {f"{prefix}/loadBalancerIPs": addresses}


ROWS = [
    Row("given", [MAIN, service(annotations=ASK)], {"web": "198.51.100.7"}),
    Row("by-spec", [MAIN, service(loadBalancerIP="198.51.100.7")], {"web": "198.51.100.7"}),
    Row("by-metallb", [MAIN, service(annotations=metallb("198.51.100.7"))], {"web": "198.51.100.7"}),
    Row(
        "by-metallb-of-old",
        [MAIN, service(annotations=metallb("198.51.100.7", "metallb.universe.tf"))],
        {"web": "198.51.100.7"},
    ),
    Row(
        "in-all-spellings-the-same",
        [MAIN, service(annotations=ASK | metallb(" 198.51.100.7 "), loadBalancerIP="198.51.100.7")],
        {"web": "198.51.100.7"},
    ),
    Row(
        "in-two-spellings-differently",
        [MAIN, service(annotations=ASK | metallb("198.51.100.8"))],
        {"web": "ContradictoryRequest"},
        "exalb.io/addresses and metallb.io/loadBalancerIPs",
    ),
    Row(
        "spec-and-annotation-differ",
        [MAIN, service(annotations=ASK, loadBalancerIP="198.51.100.8")],
        {"web": "ContradictoryRequest"},
        "spec.loadBalancerIP",
    ),
    Row(
        "in-other-letters-the-same",
        [
            pool("main", "2001:db8::/64"),
            service(annotations=wants(addresses="2001:DB8:0::A"), loadBalancerIP="2001:db8::a", ipFamilies=["IPv6"]),
        ],
        {"web": "2001:db8::a"},
    ),
    Row("no-address", [MAIN, service(annotations=wants(addresses="web"))], {"web": "InvalidRequest"}, "'web' is"),
    Row("spec-is-no-address", [MAIN, service(loadBalancerIP="x")], {"web": "InvalidRequest"}, "spec.loadBalancerIP"),
    Row(
        "zone",
        [pool("main", "2001:db8::/64"), service(annotations=wants(addresses="2001:db8::7%eth0"), ipFamilies=["IPv6"])],
        {"web": "InvalidRequest"},
        "without zone",
    ),
    Row(
        "two-of-one-family",
        [MAIN, service(annotations=wants(addresses="198.51.100.7,198.51.100.8"))],
        {"web": "InvalidRequest"},
        "exalb.io/addresses",
    ),
    Row("two-given", [DUAL, service(annotations=PAIR, **BOTH)], {"web": "198.51.100.7 2001:db8::7"}),
    Row(
        "two-given-in-the-order-of-families",
        [DUAL, service(annotations=PAIR, ipFamilies=["IPv6", "IPv4"], **BOTH)],
        {"web": "2001:db8::7 198.51.100.7"},
    ),
    Row(
        "two-from-two-pools",
        [MAIN, pool("six", "2001:db8::/64"), service(annotations=PAIR, **BOTH)],
        {"web": "198.51.100.7 2001:db8::7"},
    ),
    Row("one-for-two-families", [DUAL, service(annotations=ASK, **BOTH)], {"web": "ContradictoryRequest"}, "IPv4"),
    Row("two-for-one-family", [DUAL, service(annotations=PAIR)], {"web": "ContradictoryRequest"}, "is IPv4"),
    Row(
        "of-the-other-family",
        [DUAL, service(annotations=wants(addresses="2001:db8::7"))],
        {"web": "ContradictoryRequest"},
    ),
    Row(
        "both-or-none",
        [DUAL, service("a", "198.51.100.7"), service("b", annotations=PAIR, **BOTH)],
        {"a": "198.51.100.7", "b": "AddressInUse"},
        "Service default/a",
    ),
    Row(
        "outside-every-pool",
        [MAIN, service(annotations=wants(addresses="203.0.113.7"))],
        {"web": "AddressNotInPool"},
        "203.0.113.7",
    ),
    Row(
        "of-a-pool-out-of-force",
        [pool("main", "198.51.100.7/24"), service(annotations=ASK)],
        {"web": "AddressNotInPool"},
    ),
    Row("pool-agrees", [MAIN, service(annotations=ASK | wants(pool="main"))], {"web": "198.51.100.7"}),
    Row(
        "pool-disagrees",
        [MAIN, pool("z", "203.0.113.0/24"), service(annotations=ASK | wants(pool="z"))],
        {"web": "ContradictoryRequest"},
        "198.51.100.7 of pool main",
    ),
    Row(
        "without-auto-assign",
        [pool("main", "198.51.100.0/24", autoAssign=False), service(annotations=ASK)],
        {"web": "198.51.100.7"},
    ),
    Row(
        "disabled", [pool("main", "198.51.100.0/24", disabled=True), service(annotations=ASK)], {"web": "PoolDisabled"}
    ),
    Row(
        "pool-serves-others",
        [pool("main", "198.51.100.0/24", serviceAllocation={"namespaces": ["team"]}), service(annotations=ASK)],
        {"web": "PoolNotAllowed"},
        "does not serve default/web",
    ),
    Row(
        "buggy",
        [pool("main", "198.51.100.0/24", avoidBuggyIPs=True), service(annotations=wants(addresses="198.51.100.255"))],
        {"web": "AddressExcluded"},
    ),
    Row(
        "a-node-has-it",
        [MAIN, node("n1", "198.51.100.7"), service(annotations=ASK)],
        {"web": "AddressInUse"},
        "node n1",
    ),
    Row(
        "held-by-another",
        [MAIN, service("z", "198.51.100.7", day=9), service("a", annotations=ASK, day=1)],
        {"z": "198.51.100.7", "a": "AddressInUse"},
        "Service default/z",
    ),
    Row(
        "the-older-asks-first",
        [MAIN, service("b", annotations=ASK, day=2), service("a", annotations=ASK, day=1)],
        {"a": "198.51.100.7", "b": "AddressInUse"},
    ),
    Row(
        "who-asks-comes-before-who-does-not-by-age-alone",
        [MAIN, service("a", day=1), service("b", annotations=wants(addresses="198.51.100.0"), day=2)],
        {"a": "198.51.100.0", "b": "AddressInUse"},
    ),
    Row(
        "held-by-another-controller's",
        [MAIN, service("z", "198.51.100.7", **OTHER_CLASS), service(annotations=ASK)],
        {"web": "AddressInUse"},
        "Service default/z, which ExaLB does not manage",
    ),
    Row(
        "left-behind-by-another-type",
        [MAIN, service("z", "198.51.100.7", type="ClusterIP"), service(annotations=ASK)],
        {"web": "198.51.100.7"},
    ),
    Row("moves-in-place", [MAIN, service("web", "198.51.100.1", annotations=ASK)], {"web": "198.51.100.7"}),
    Row(
        "a-swap-moves-nobody",
        [
            MAIN,
            service("a", "198.51.100.7", annotations=wants(addresses="198.51.100.8")),
            service("b", "198.51.100.8", annotations=ASK),
        ],
        {"a": "198.51.100.7 but AddressInUse", "b": "198.51.100.8 but AddressInUse"},
    ),
    Row(
        "what-is-given-up-is-given-on",
        [
            MAIN,
            service("a", "198.51.100.7", annotations=wants(addresses="198.51.100.8")),
            service("b", annotations=ASK),
        ],
        {"a": "198.51.100.8", "b": "198.51.100.7"},
    ),
    Row(
        "keeps-what-it-has",
        [MAIN, service("web", "198.51.100.1", annotations=wants(addresses="203.0.113.7"))],
        {"web": "198.51.100.1 but AddressNotInPool"},
    ),
    Row(
        "keeps-what-it-has-through-a-typo",
        [MAIN, service("web", "198.51.100.1", annotations=wants(addresses="x"))],
        {"web": "198.51.100.1 but InvalidRequest"},
    ),
    Row(
        "keeps-what-it-shares-through-a-typo",
        [
            MAIN,
            service("a", "198.51.100.1", annotations=wants(sharing_key="k"), ports=[{"port": 80}]),
            service("b", "198.51.100.1", annotations=wants(sharing_key="k", addresses="x"), ports=[{"port": 81}]),
        ],
        {"a": "198.51.100.1", "b": "198.51.100.1 but InvalidRequest"},
    ),
    Row(
        "keeps-half-of-a-pair",
        [DUAL, service("web", "198.51.100.7", annotations=PAIR, **BOTH)],
        {"web": "198.51.100.7 2001:db8::7"},
    ),
    Row(
        "is-no-matter-of-advertisements",
        [MAIN, advertisement(peers=["x"]), service(annotations=ASK)],
        {"web": "198.51.100.7"},
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_explicit(row: Row) -> None:
    check(row)
