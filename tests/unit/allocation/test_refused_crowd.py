"""One more Service costs nothing for each of many refused ones, whatever the reason is that they have in common."""

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from exalb.allocation.allocator import Allocator
from exalb.kube.manifests import snapshot_of
from exalb.model.kinds import SERVICE
from exalb.validation.rules import validate
from tests.support.counting import instructions
from tests.support.objects import pool, service, wants

FEW, MANY, EACH = 50, 250, 1
"""Sizes of the crowd, and how many instructions one of its Services may cost in a round."""
CROWDS: dict[str, dict[str, Any]] = {
    "PoolNotFound": {"annotations": wants(pool="nowhere")},
    "InvalidRequest": {"annotations": wants(addresses="none")},
    "NoMatchingPool": {"labels": {"for": "nobody"}},
    "PoolNotAllowed": {"annotations": wants(pool="main")},
    "PoolExhausted": {"annotations": wants(pool="empty")},
    "PoolDisabled": {"annotations": wants(addresses="203.0.113.7")},
}


def cost(reason: str, count: int) -> int:
    """Return the instructions of a round with one new Service next to a crowd that was refused before."""
    chosen = pool("main", "198.51.100.0/24", serviceAllocation={"namespaces": ["default"]})
    crowded = [service(f"crowd/s{number}", day=1, **CROWDS[reason]) for number in range(count)]
    empty = pool("empty", "203.0.113.0/32", avoidBuggyIPs=True, autoAssign=False)
    others = [empty, pool("disabled", "203.0.113.7/32", disabled=True, autoAssign=False)]
    cluster, _ = snapshot_of([chosen, *others, *crowded], "exalb-system")
    rules, allocator = validate(cluster), Allocator()
    for _ in range(2):
        outcomes = allocator.allocate(cluster, rules).outcomes.values()
        assert {outcome.refusal.reason.value for outcome in outcomes if outcome.refusal} == {reason}
    new = SERVICE.parse(service("web", day=2))
    more = replace(cluster, services=MappingProxyType({**cluster.services, new.key: new}))
    return instructions(lambda: allocator.allocate(more, rules))


@pytest.mark.parametrize("reason", CROWDS)
def test_refused_service_costs_little_in_later_rounds(reason: str) -> None:
    assert (cost(reason, MANY) - cost(reason, FEW)) / (MANY - FEW) < EACH
