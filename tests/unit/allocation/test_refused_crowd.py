"""One more Service costs little next to many refused ones, for each reason that follows from the pools alone."""

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

FEW, MANY, EACH = 50, 250, 150
"""Sizes of the crowd, and how many instructions one of its Services may cost in a round."""
CROWDS: dict[str, dict[str, Any]] = {
    "PoolNotFound": {"annotations": wants(pool="nowhere")},
    "InvalidRequest": {"annotations": wants(addresses="none")},
    "NoMatchingPool": {"labels": {"for": "nobody"}},
}


def cost(reason: str, count: int) -> int:
    """Return the instructions of a round with one new Service next to a crowd that was refused before."""
    chosen = pool("main", "198.51.100.0/24", serviceAllocation={"namespaces": ["default"]})
    crowded = [service(f"crowd/s{number}", day=1, **CROWDS[reason]) for number in range(count)]
    cluster, _ = snapshot_of([chosen, *crowded], "exalb-system")
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
