"""A refusal names the Services, pools, addresses and numbers that it is about."""

import pytest

from exalb.api.reasons import Reason, TransientRefusal
from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Key
from exalb.model.sharing_terms import MAX_SHARED_PORTS
from tests.support.decisions import allocation_of
from tests.support.objects import Object, Row, assigned, check, node, planned, pool, service, wants

HAS, NEXT, SIX = "198.51.100.7", "198.51.100.8", "2001:db8::7"
MAIN = pool("main", "198.51.100.0/24", "2001:db8::/64")
DUAL = {"ipFamilyPolicy": "RequireDualStack"}
KEY = wants(sharing_key="k")


def explicit(name: str, *wanted: str, **spec: object) -> Object:
    """Return a Service that requests addresses."""
    return service(name, annotations=wants(addresses=",".join(wanted)), **spec)


def sharer(name: str, *ports: int, day: int, asks: bool = False, **spec: object) -> Object:
    """Return a Service with a sharing key that has the address, or asks for it."""
    annotations = KEY | (wants(addresses=HAS) if asks else {})
    raw = service(
        name, *([] if asks else [HAS]), annotations=annotations, day=day, ports=[{"port": n} for n in ports], **spec
    )
    return raw if asks else assigned(raw)


FULL = pool(
    "main",
    "198.51.100.0/29",
    "2001:db8::/126",
    reservations=[
        {"address": "198.51.100.1", "namespace": "team"},
        {"address": "198.51.100.2", "namespace": "default", "service": "own"},
        *({"address": f"2001:db8::{number}", "namespace": "team"} for number in (0, 1)),
    ],
)
NODE = node("n1", "198.51.100.3", "2001:db8::2", "2001:db8::3")
OVERLAPPING = pool("late", "198.51.100.0/25", day=9)

ROWS = [
    Row(
        "numbers-of-one-family",
        [FULL, NODE, service("own"), *(service(name, day=1) for name in "abcde"), service("f", day=2)],
        {
            "own": "198.51.100.2",
            **{name: f"198.51.100.{number}" for name, number in zip("abcde", (0, 4, 5, 6, 7), strict=True)},
            "f": "PoolExhausted",
        },
        "pool main: 6 of 7 IPv4 addresses are in use, 1 reserved, 1 of nodes",
    ),
    Row(
        "families-of-the-service",
        [MAIN, explicit("web", HAS, **DUAL)],
        {"web": "ContradictoryRequest"},
        "default/web is IPv4 and IPv6, but requests 198.51.100.7:",
    ),
    Row(
        "addresses-that-are-requested",
        [MAIN, explicit("web", HAS, SIX)],
        {"web": "ContradictoryRequest"},
        "default/web is IPv4, but requests 198.51.100.7 and 2001:db8::7:",
    ),
    Row(
        "pool-that-does-not-exist",
        [MAIN, service("web", annotations=wants(pool="late"))],
        {"web": "PoolNotFound"},
        "IPAddressPool late not found",
    ),
    Row(
        "pool-that-is-not-active",
        [pool("main", "198.51.100.0/24", day=1), OVERLAPPING, service("web", annotations=wants(pool="late"))],
        {"web": "PoolNotFound"},
        "IPAddressPool late is not active",
    ),
    Row(
        "address-of-another-controller",
        [MAIN, service("a", HAS, loadBalancerClass="example.org/lb"), explicit("web", HAS)],
        {"web": "AddressInUse"},
        "198.51.100.7 is in use by Service default/a",
    ),
    Row(
        "sharer-without-a-selector",
        [
            MAIN,
            sharer("a", 65535, day=1, externalTrafficPolicy="Local", selector={"app": "x"}),
            sharer("b", *range(1, MAX_SHARED_PORTS + 1), day=2, asks=True, externalTrafficPolicy="Local"),
        ],
        {"a": HAS, "b": "SharingConflict"},
        "default/b has externalTrafficPolicy Local and no selector",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_refusal_names_its_objects(row: Row) -> None:
    check(row)


TWO = assigned(service("a", HAS, NEXT, ipFamilies=["IPv4"], day=1))
LOSER = sharer("b", 80, 81, day=2)

CLASHING, OTHER = sharer("c", 81, day=3, asks=True), sharer("c", 82, day=3, asks=True)


@pytest.mark.parametrize(
    ("objects", "name", "waits_for"),
    [
        pytest.param([TWO, explicit("b", NEXT)], "b", "default/a", id="of-nobody-else"),
        pytest.param([sharer("a", 80, day=1), LOSER, CLASHING], "c", "default/b", id="shared-and-its-ports-clash"),
        pytest.param([sharer("a", 80, day=1), LOSER, OTHER], "c", None, id="shared-and-its-ports-differ"),
    ],
)
def test_address_that_is_being_released(objects: list[Object], name: str, waits_for: str | None) -> None:
    """It is never in the status of two Services that may not share it; a plan is of the time after that."""
    outcome = allocation_of(snapshot_of([MAIN, *objects], "exalb-system")[0]).outcomes[Key("default", name)]
    if waits_for is None:
        assert outcome.refusal is None
        return
    assert isinstance(outcome.refusal, TransientRefusal)
    assert outcome.refusal.reason is Reason.ADDRESS_IN_USE
    assert waits_for in outcome.refusal.message


def test_second_family_leaves_the_first_address_of_a_named_pool() -> None:
    web = assigned(service("web", HAS, annotations=wants(pool="main"), **DUAL))
    check(Row("pair", [MAIN, web], {"web": f"{HAS} 2001:db8::"}))


def test_refusals_of_one_kind_name_each_its_service() -> None:
    rows = planned(service("a"), service("b"), pool("main", "198.51.100.0/24", autoAssign=False))["services"]
    assert [f"default/{row['name']}" in row["message"] for row in rows] == [True, True]
