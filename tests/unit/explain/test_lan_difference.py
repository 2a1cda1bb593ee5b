"""The difference that manifests would make to what nodes announce on their LANs."""

from dataclasses import dataclass
from typing import Any

import pytest

from exalb.cli.diff import FAIL_ON, fails, summary
from exalb.explain.difference import Difference, difference
from exalb.kube.manifests import snapshot_of
from tests.support.objects import (
    Object,
    assigned_service,
    endpoint,
    endpoints,
    l2_advertisement,
    l2_speaker,
    node,
    pool,
    service,
)
from tests.support.observing import observed

HOLDS: Any = {"announced": ["10.0.0.0/24 AAAAAAAAAAAAAAAAEA"], "addresses": 1}
"""The address 10.0.0.100."""
LABEL: Any = {"lan": "yes"}
SELECTED: Any = {"nodeSelectors": [{"matchLabels": LABEL}]}


def on_lan(number: int, **l2: Any) -> list[Object]:
    """Return a node with L2, and its report of a minute ago."""
    report = l2_speaker(f"n{number}", f"10.0.0.{number}/24", l2=l2, heartbeat="2026-01-31T07:59:00Z")
    return [node(f"n{number}", f"10.0.0.{number}"), report]


LIVE: list[Object] = [
    pool("lan", "10.0.0.100-10.0.0.200", day=1),
    l2_advertisement("lan", day=1),
    *(*on_lan(1), *on_lan(2, **HOLDS), *on_lan(3)),
    assigned_service("shop/web", "10.0.0.100", day=2),
    endpoints("shop/web", endpoint("10.88.1.2", "n1"), endpoint("10.88.3.2", "n3")),
]


def made(*manifests: Object, live: list[Object] = LIVE) -> Difference:
    """Return the difference that manifests make."""
    return difference(observed(*live), *snapshot_of(manifests, "exalb-system"))


@dataclass(frozen=True, slots=True)
class Case:
    """Manifests, and what they change on the LAN: change, address, before and after, reason."""

    id: str
    manifests: list[Object]
    changes: set[tuple[str, str, str, str, str]]
    fails: set[str]


MOVES = {"withdrawn", "change"}
CASES = [
    Case("same", [*LIVE[:2], service("shop/web")], set(), set()),
    Case(
        "local",
        [service("shop/web", externalTrafficPolicy="Local"), endpoints("shop/web", endpoint("10.88.3.2", "n3"))],
        {("moved", "10.0.0.100", "n2 on eth0", "n3 on eth0", "")},
        MOVES,
    ),
    Case(
        "node-selectors",
        [l2_advertisement("lan", **SELECTED), node("n1", "10.0.0.1", **LABEL)],
        {("moved", "10.0.0.100", "n2 on eth0", "n1 on eth0", "")},
        MOVES,
    ),
    Case(
        "interface",
        [l2_advertisement("lan", interfaces=["eth7"])],
        {("withdrawn", "10.0.0.100", "n2 on eth0", "", "NoInterface")},
        MOVES,
    ),
    Case(
        "new-service",
        [
            service("shop/new", annotations={"exalb.io/addresses": "10.0.0.150"}),
            endpoints("shop/new", endpoint("10.88.3.3", "n3")),
        ],
        {("announced", "10.0.0.150", "", "n3 on eth0", "")},
        {"change"},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_difference_on_the_lan(case: Case) -> None:
    found = made(*case.manifests)
    assert {(item.change, item.address, item.before, item.after, item.reason) for item in found.l2} == case.changes
    assert {level for level in FAIL_ON if fails(found, level)} == case.fails


def test_first_candidate_is_meant_where_no_node_reports() -> None:
    """As right after the Service was created."""
    live = [one for one in LIVE if one["metadata"]["name"] != "n2"]
    (item,) = made(l2_advertisement("lan", interfaces=["eth7"]), live=live).l2
    assert item.before in {"n1 on eth0", "n3 on eth0"}
    assert "eth7" in item.message


def test_summary_counts_addresses_on_lans() -> None:
    found = made(l2_advertisement("lan", interfaces=["eth7"]))
    assert summary(found) == "1 addresses are announced on no LAN any more"
