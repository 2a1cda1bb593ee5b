"""One change costs almost the same next to 100 Services and next to 1,000, and first rounds grow as the number does.

Counted in instructions, not in seconds.
"""

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from exalb.allocation.allocator import Allocator
from exalb.analysis.plan import plan
from exalb.announcement.planner import NodePlan, RoutePlanner
from exalb.announcement.route_changes import route_changes
from exalb.kube.manifests import snapshot_of
from exalb.model.address_record import record_condition
from exalb.model.cluster import Cluster, ConditionState, Key
from exalb.report.announced_services import LOOKED_AT
from exalb.report.controller import ControllerReporter
from exalb.validation.rules import Validator
from exalb_bgp.speaker_sync import SpeakerSync
from tests.support.counting import instructions
from tests.support.decisions import changes_of
from tests.support.objects import endpoint, endpoints, made, node, peer, pool, service

FEW, MANY = 100, 1000
ROUNDS = MANY // LOOKED_AT + 1
"""Rounds after which a controller has looked at every Service of a new snapshot."""
Rounds = Callable[[Cluster], object]


@functools.cache
def world(count: int) -> Cluster:
    """Return a cluster in which this many Services have their address and an endpoint on n1."""
    names = [f"team-{number % 10}/web-{number:04}" for number in range(count)]
    services = [service(name, ports=[{"port": 80}], externalTrafficPolicy="Local") for name in names]
    slices = [endpoints(name, endpoint("10.88.0.1", "n1"), endpoint("10.88.0.2", "n2")) for name in names]
    around = [pool("main", "10.0.0.0/8"), peer("tor"), node("n1", "10.77.0.1"), node("n2", "10.77.0.2")]
    cluster = snapshot_of([*around, *services, *slices], "exalb-system")[0]
    held = plan(replace(cluster, nodes={})).held
    assigned = {
        key: replace(found, held=held[key], record=record_condition(found, held[key]))
        for key, found in cluster.services.items()
    }
    for write in changes_of(replace(cluster, services=assigned), made(9)).writes:
        if write.kind == "Service":
            key = Key(str(write.namespace), write.name)
            (condition,) = write.body["status"]["conditions"]
            written = ConditionState(condition["status"], condition["reason"], condition["message"])
            assigned[key] = replace(assigned[key], condition=written)
    return replace(cluster, services=assigned)


def relabelled(cluster: Cluster) -> Cluster:
    key, found = next(iter(cluster.services.items()))
    return replace(cluster, services={**cluster.services, key: replace(found, labels={"edited": "yes"})})


def emptied(cluster: Cluster) -> Cluster:
    key, found = next(iter(cluster.services.items()))
    return replace(cluster, services={**cluster.services, key: replace(found, held=())})


def unready(cluster: Cluster) -> Cluster:
    key, found = next(iter(cluster.slices.items()))
    gone = tuple(replace(part, endpoints=part.endpoints[1:]) for part in found)
    return replace(cluster, slices={**cluster.slices, key: gone})


def planning() -> Rounds:
    """Return what a speaker decides about one snapshot after the other, gives to its engine, and logs."""
    validator, planner, engine, plans = Validator(), RoutePlanner("n1"), SpeakerSync(), list[NodePlan]()

    def decide(cluster: Cluster) -> None:
        plans.append(planner.plan(cluster, validator.validate(cluster)))
        engine.set_desired(plans[-1].speaker, {})
        list(route_changes(plans[-2] if plans[1:] else None, plans[-1]))

    return decide


def allocating() -> Rounds:
    """Return what a controller decides and writes."""
    validator, allocator, reporter = Validator(), Allocator(), ControllerReporter()

    def decide(cluster: Cluster) -> Any:
        rules = validator.validate(cluster)
        return reporter.changes(cluster, rules, allocator.allocate(cluster, rules), made(9))

    return decide


def cost(rounds: Callable[[], Rounds], change: Callable[[Cluster], Cluster], count: int) -> int:
    """Return the instructions of one change, once the state before it is known."""
    decide, before = rounds(), world(count)
    for _ in range(ROUNDS):
        decide(before)
    after = change(before)
    return instructions(lambda: decide(after))


@pytest.mark.parametrize(
    ("rounds", "change"),
    [
        pytest.param(planning, relabelled, id="speaker-label"),
        pytest.param(planning, unready, id="speaker-endpoint"),
        pytest.param(allocating, relabelled, id="controller-label"),
        pytest.param(allocating, emptied, id="controller-lost-address"),
    ],
)
def test_change_costs_no_instruction_for_each_other_service(
    rounds: Callable[[], Rounds], change: Callable[[Cluster], Cluster]
) -> None:
    few, many = (cost(rounds, change, count) for count in (FEW, MANY))
    assert (many - few) / (MANY - FEW) < 1


@pytest.mark.parametrize("rounds", [planning, allocating])
def test_first_round_costs_no_more_for_each_service_where_there_are_more(rounds: Callable[[], Rounds]) -> None:
    sizes = (50, 100, 200)
    first, second, third = (instructions(functools.partial(rounds(), world(size))) for size in sizes)
    assert (third - second) / (sizes[2] - sizes[1]) <= 1.05 * (second - first) / (sizes[1] - sizes[0])
