"""The difference that manifests would make to a running cluster."""

from dataclasses import dataclass

import pytest

from exalb.cli.diff import FAIL_ON, fails, summary
from exalb.explain.difference import Difference, difference
from exalb.kube.manifests import snapshot_of
from tests.support.objects import (
    Object,
    advertisement,
    assigned_service,
    endpoint,
    endpoints,
    node,
    peer,
    pool,
    service,
)
from tests.support.observing import observed, speaker

LIVE: list[Object] = [
    pool("main", "198.51.100.0/28", day=1),
    peer("tor", day=1),
    node("n1", "203.0.113.11"),
    node("n2", "203.0.113.12"),
    speaker("n1"),
    speaker("n2"),
    assigned_service("shop/web", "198.51.100.1", day=2),
    endpoints("shop/web", endpoint("10.88.1.2", "n1")),
]
LOCAL = service("shop/web", externalTrafficPolicy="Local")
MOVED = service("shop/web", annotations={"exalb.io/addresses": "198.51.100.9"})


def made(*manifests: Object) -> Difference:
    """Return the difference that manifests make."""
    return difference(observed(*LIVE), *snapshot_of(manifests, "exalb-system"))


@dataclass(frozen=True, slots=True)
class Case:
    """Manifests, and what they change."""

    id: str
    manifests: list[Object]
    addresses: set[tuple[str, str]]
    routes: set[tuple[str, str, tuple[str, ...]]]
    findings: set[str]
    fails: set[str]


BOTH = ("n1", "n2")
CASES = [
    Case("same", [*LIVE[:4], service("shop/web")], set(), set(), set(), set()),
    Case("given", [service("shop/new")], {("given", "shop/new")}, set(), set(), {"change"}),
    Case(
        "announced",
        [service("shop/new"), endpoints("shop/new", endpoint("10.88.1.3", "n2"))],
        {("given", "shop/new")},
        {("announced", "198.51.100.0/32", BOTH)},
        set(),
        {"change"},
    ),
    Case(
        "moved",
        [MOVED],
        {("moved", "shop/web")},
        {("withdrawn", "198.51.100.1/32", BOTH), ("announced", "198.51.100.9/32", BOTH)},
        set(),
        {"withdrawn", "change"},
    ),
    Case("local", [LOCAL], set(), {("withdrawn", "198.51.100.1/32", ("n2",))}, set(), {"withdrawn", "change"}),
    Case("attributes", [advertisement("a", med=5)], set(), {("changed", "198.51.100.1/32", BOTH)}, set(), {"change"}),
    Case(
        "pool-shrinks",
        [pool("main", "198.51.100.8/29")],
        {("moved", "shop/web")},
        {("withdrawn", "198.51.100.1/32", BOTH), ("announced", "198.51.100.8/32", BOTH)},
        set(),
        {"withdrawn", "change"},
    ),
    Case("error", [pool("more", "198.51.100.0/30")], set(), set(), {"PoolOverlap"}, set(FAIL_ON)),
    Case(
        "refused",
        [service("shop/new", annotations={"exalb.io/pool": "gone"})],
        {("refused", "shop/new")},
        set(),
        set(),
        set(FAIL_ON),
    ),
    Case(
        "lost",
        [service("shop/web", type="ClusterIP")],
        {("lost", "shop/web")},
        {("withdrawn", "198.51.100.1/32", BOTH)},
        set(),
        set(FAIL_ON),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_difference(case: Case) -> None:
    found = made(*case.manifests)
    assert {(item.change, item.service) for item in found.addresses} == case.addresses
    assert {(item.change, item.prefix, item.nodes) for item in found.routes} == case.routes
    assert {item.reason.value for item in found.new_findings} == case.findings
    assert {level for level in FAIL_ON if fails(found, level)} == case.fails


def test_withdrawn_route_says_why() -> None:
    (route,) = made(LOCAL).routes
    assert (route.reason, route.peers) == ("NoReadyEndpoints", ("tor",))


def test_object_that_becomes_valid_solves_its_finding() -> None:
    live = [*LIVE, pool("more", "198.51.100.0/30", day=3)]
    found = difference(observed(*live), *snapshot_of([pool("more", "198.51.100.64/30")], "exalb-system"))
    assert ({item.reason.value for item in found.solved_findings}, found.new_findings) == ({"PoolOverlap"}, ())


def test_summary_counts_routes_of_nodes() -> None:
    assert summary(made()) == "nothing would change"
    assert summary(made(LOCAL)) == "1 routes are withdrawn"
    assert summary(made(MOVED)) == "1 Services move to another address; 2 routes are announced; 2 routes are withdrawn"
