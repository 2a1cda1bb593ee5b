"""Sharing an address: equal keys, different ports, Cluster traffic or Local traffic to the same pods."""

from typing import Any

import pytest

from tests.support.objects import Object, Row, check, pool, service, wants

MAIN = pool("main", "198.51.100.0/24", "2001:db8::/64")
HAS = "198.51.100.7"
LOCAL = {"externalTrafficPolicy": "Local"}
PAIR = {"ipFamilyPolicy": "RequireDualStack"}


def sharer(name: str, *held: str, port: Any = 80, key: Any = "k", **more: Any) -> Object:
    """Return a Service with a sharing key and one port."""
    protocol, number = port if isinstance(port, tuple) else ("TCP", port)
    wishes = wants(**({"sharing_key": key} | more.pop("asks", {})))
    return service(name, *held, annotations=wishes, ports=[{"protocol": protocol, "port": number}], **more)


ASKS = {"asks": {"addresses": HAS}}

ROWS = [
    Row("two-together", [MAIN, sharer("a"), sharer("b", port=81)], {"a": "198.51.100.0", "b": "198.51.100.0"}),
    Row(
        "one-port-of-two-protocols",
        [MAIN, sharer("a", port=("TCP", 53)), sharer("b", port=("UDP", 53))],
        {"a": "198.51.100.0", "b": "198.51.100.0"},
    ),
    Row("same-port-goes-elsewhere", [MAIN, sharer("a"), sharer("b")], {"a": "198.51.100.0", "b": "198.51.100.1"}),
    Row(
        "tcp-is-the-default",
        [MAIN, sharer("a"), service("b", annotations=wants(sharing_key="k"), ports=[{"port": 80}])],
        {"a": "198.51.100.0", "b": "198.51.100.1"},
    ),
    Row(
        "other-key-goes-elsewhere",
        [MAIN, sharer("a"), sharer("b", port=81, key="x")],
        {"a": "198.51.100.0", "b": "198.51.100.1"},
    ),
    Row(
        "third-joins-where-it-fits",
        [MAIN, sharer("a", day=1), sharer("b", day=2), sharer("c", port=81, day=3), sharer("d", day=4)],
        {"a": "198.51.100.0", "b": "198.51.100.1", "c": "198.51.100.0", "d": "198.51.100.2"},
    ),
    Row(
        "by-metallb",
        [MAIN, sharer("a"), service("b", annotations={"metallb.io/allow-shared-ip": "k"}, ports=[{"port": 81}])],
        {"a": "198.51.100.0", "b": "198.51.100.0"},
    ),
    Row(
        "a-pair-together",
        [MAIN, sharer("a", **PAIR), sharer("b", port=81, **PAIR)],
        {"a": "198.51.100.0 2001:db8::", "b": "198.51.100.0 2001:db8::"},
    ),
    Row(
        "both-local-to-one-selector",
        [MAIN, sharer("a", selector={"app": "x"}, **LOCAL), sharer("b", port=81, selector={"app": "x"}, **LOCAL)],
        {"a": "198.51.100.0", "b": "198.51.100.0"},
    ),
    Row(
        "both-local-to-two-selectors",
        [MAIN, sharer("a", selector={"app": "x"}, **LOCAL), sharer("b", port=81, selector={"app": "y"}, **LOCAL)],
        {"a": "198.51.100.0", "b": "198.51.100.1"},
    ),
    Row(
        "cluster-to-two-selectors",
        [MAIN, sharer("a", selector={"app": "x"}), sharer("b", port=81, selector={"app": "y"})],
        {"a": "198.51.100.0", "b": "198.51.100.0"},
    ),
    Row(
        "local-and-cluster",
        [MAIN, sharer("a", **LOCAL), sharer("b", port=81)],
        {"a": "198.51.100.0", "b": "198.51.100.1"},
    ),
    Row("asked-for-and-fitting", [MAIN, sharer("a", HAS), sharer("b", port=81, **ASKS)], {"a": HAS, "b": HAS}),
    Row(
        "asked-for-with-the-same-port",
        [MAIN, sharer("a", HAS), sharer("b", **ASKS)],
        {"a": HAS, "b": "SharingConflict"},
        "Service default/a, which uses TCP/80",
    ),
    Row(
        "asked-for-with-another-key",
        [MAIN, sharer("a", HAS), sharer("b", port=81, key="x", **ASKS)],
        {"a": HAS, "b": "SharingConflict"},
        "Service default/a",
    ),
    Row(
        "asked-for-without-a-key",
        [MAIN, sharer("a", HAS), service("b", annotations=wants(addresses=HAS))],
        {"a": HAS, "b": "AddressInUse"},
        "Service default/a",
    ),
    Row(
        "asked-for-of-one-without-a-key",
        [MAIN, service("a", HAS), sharer("b", port=81, **ASKS)],
        {"a": HAS, "b": "AddressInUse"},
    ),
    Row(
        "asked-for-with-other-traffic",
        [MAIN, sharer("a", HAS), sharer("b", port=81, **ASKS, **LOCAL)],
        {"a": HAS, "b": "SharingConflict"},
        "externalTrafficPolicy",
    ),
    Row(
        "asked-for-with-another-selector",
        [MAIN, sharer("a", HAS, **LOCAL), sharer("b", port=81, selector={"app": "x"}, **ASKS, **LOCAL)],
        {"a": HAS, "b": "SharingConflict"},
        "default/a",
    ),
    Row(
        "the-second-in-the-way-is-named",
        [MAIN, sharer("a", HAS), sharer("b", HAS, port=81), sharer("c", port=81, **ASKS)],
        {"a": HAS, "b": HAS, "c": "SharingConflict"},
        "Service default/b, which uses TCP/81",
    ),
    Row(
        "falling-out-over-a-port-the-older-keeps-it",
        [MAIN, sharer("a", HAS, day=2), sharer("b", HAS, day=1)],
        {"b": HAS, "a": "198.51.100.0"},
    ),
    Row(
        "falling-out-over-a-key",
        [MAIN, sharer("a", HAS, day=1), sharer("b", HAS, port=81, key="x", day=2)],
        {"a": HAS, "b": "198.51.100.0"},
    ),
    Row(
        "falling-out-over-no-key",
        [MAIN, sharer("a", HAS, day=1), service("b", HAS, day=2)],
        {"a": HAS, "b": "198.51.100.0"},
    ),
    Row(
        "falling-out-over-traffic",
        [MAIN, sharer("a", HAS, day=2, **LOCAL), sharer("b", HAS, port=81, day=1)],
        {"b": HAS, "a": "198.51.100.0"},
    ),
    Row(
        "falling-out-of-one-of-three",
        [MAIN, sharer("a", HAS, day=1), sharer("b", HAS, port=81, day=2), sharer("c", HAS, port=81, day=3)],
        {"a": HAS, "b": HAS, "c": "198.51.100.0"},
    ),
    Row(
        "falling-out-is-in-no-sharer's-way",
        [MAIN, sharer("a", HAS, day=1), sharer("b", HAS, day=2), sharer("c", port=81, day=3, **ASKS)],
        {"a": HAS, "b": "198.51.100.0", "c": HAS},
    ),
    Row(
        "falling-out-with-nowhere-to-go",
        [pool("one", "198.51.100.7/32"), sharer("a", HAS, day=1), sharer("b", HAS, day=2)],
        {"a": HAS, "b": "PoolExhausted"},
    ),
    Row(
        "duplicates-without-keys-the-older-keeps-it",
        [MAIN, service("a", HAS, day=2), service("b", HAS, day=1)],
        {"b": HAS, "a": "198.51.100.0"},
    ),
    Row(
        "a-newer-stranger-moves-nobody",
        [MAIN, service("a", HAS, day=1), service("b", HAS, day=2, loadBalancerClass="example.org/lb")],
        {"a": HAS},
    ),
    Row(
        "an-older-stranger-keeps-it",
        [MAIN, service("a", HAS, day=2), service("b", HAS, day=1, loadBalancerClass="example.org/lb")],
        {"a": "198.51.100.0"},
    ),
    Row(
        "a-disabled-pool-takes-no-sharer",
        [pool("main", "198.51.100.0/24", disabled=True), sharer("a", HAS), sharer("b", port=81)],
        {"a": HAS, "b": "PoolDisabled"},
    ),
    Row(
        "the-last-of-a-pool-is-shared",
        [pool("one", "198.51.100.7/32"), sharer("a"), sharer("b", port=81)],
        {"a": HAS, "b": HAS},
    ),
    Row("a-key-alone-changes-in-place", [MAIN, sharer("a", HAS, key="y")], {"a": HAS}),
    Row(
        "keys-in-different-spellings-agree",
        [
            MAIN,
            sharer("a", HAS),
            service(
                "b",
                ports=[{"port": 81}],
                annotations={
                    "metallb.universe.tf/allow-shared-ip": "k",
                    "metallb.io/allow-shared-ip": "k",
                    "exalb.io/sharing-key": "k",
                },
            ),
        ],
        {"a": HAS, "b": HAS},
    ),
    Row(
        "keys-that-contradict",
        [MAIN, service("b", annotations={"metallb.io/allow-shared-ip": "k", "exalb.io/sharing-key": "x"})],
        {"b": "ContradictoryRequest"},
        "exalb.io/sharing-key and metallb.io/allow-shared-ip",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_sharing(row: Row) -> None:
    check(row)
