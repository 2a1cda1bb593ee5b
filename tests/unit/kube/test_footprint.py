"""What a Service costs in memory, in each program, and that nothing of a deleted one stays."""

import gc
import json
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from exalb.allocation.allocator import Allocator
from exalb.announcement.planner import RoutePlanner
from exalb.api.reasons import ConditionType
from exalb.kube.store import Store
from exalb.model.kinds import ENDPOINT_SLICE, NODE, PEER, POOL, Kind, Program, watched_by
from exalb.report.controller import ControllerReporter
from exalb.validation.rules import Validator
from tests.support import objects
from tests.support.objects import Object, at_version, made

COUNT = 400
LIMITS = {Program.SPEAKER: 3_400, Program.CONTROLLER: 3_200}
"""Octets for each Service, a tenth more than there are."""
LEFT = 40
"""Octets for each Service that was there and is gone: tables do not shrink."""

Decide = Callable[[], object]


def begun(program: Program) -> tuple[Store, Decide]:
    """Return a store without Services, and all that decides about it, with what it remembers."""
    store, base = (
        Store(watched_by(program)),
        [objects.pool("main", "10.200.0.0/16"), objects.peer(), objects.node("n1")],
    )
    for kind in watched_by(program):
        replace_all(store, kind, [raw for raw in base if kind in (POOL, PEER, NODE) and raw["kind"] == kind.name], 1)
    validator, planner, allocator, reporter = Validator(), RoutePlanner("n1"), Allocator(), ControllerReporter()

    def decide() -> object:
        cluster = store.snapshot()
        rules = validator.validate(cluster)
        if program is Program.SPEAKER:
            return planner.plan(cluster, rules)
        return reporter.changes(cluster, rules, allocator.allocate(cluster, rules), made(9))

    decide()
    return store, decide


def replace_all(store: Store, kind: Kind, raws: list[Object], version: int) -> None:
    listing = store.listing(kind)
    listing.add([at_version(version, raw) for raw in raws], version)
    listing.finish()


def services(first: int) -> Iterator[tuple[str, str]]:
    yield from ((f"team-{at % 7}/web-{at:05}", f"10.200.{at >> 8}.{at & 255}") for at in range(first, first + COUNT))


def fill(store: Store, program: Program, first: int, version: int) -> None:
    """Have Services as a server sends them: each text is an object of its own."""
    raws: dict[str, list[Any]] = {"Service": [], ENDPOINT_SLICE.name: []}
    for name, address in services(first):
        raw = objects.assigned_service(
            name, address, ports=[{"port": 80}], clusterIPs=[address.replace("10.200.", "10.96.")]
        )
        raw["metadata"]["uid"] = f"{name:>36}"
        raw["status"]["conditions"].append(
            objects.condition(ConditionType.ANNOUNCED.value, "True", "Announced", "by 2")
        )
        raws["Service"].append(raw)
        raws[ENDPOINT_SLICE.name].append(objects.endpoints(name, objects.endpoint("10.88.1.2", "n1")))
    for kind in watched_by(program):
        if kind.name in raws:
            replace_all(store, kind, json.loads(json.dumps(raws[kind.name])), version)


def empty(store: Store, program: Program, version: int) -> None:
    for kind in watched_by(program):
        if kind.name in ("Service", ENDPOINT_SLICE.name):
            replace_all(store, kind, [], version)


def octets() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.parametrize("program", Program)
def test_a_service_costs_no_more_than_it_must(program: Program) -> None:
    store, decide = begun(program)
    fill(store, program, 0, 2)
    empty(store, program, 3)
    decide()
    tracemalloc.start()
    try:
        before = octets()
        fill(store, program, 0, 4)
        decide()
        cost = (octets() - before) / COUNT
        assert cost <= LIMITS[program]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("program", Program)
def test_nothing_of_a_deleted_service_stays(program: Program) -> None:
    store, decide = begun(program)
    tracemalloc.start()
    try:
        sizes: list[int] = []
        for round_ in range(1, 5):
            fill(store, program, round_ * COUNT, 10 * round_)
            decide()
            empty(store, program, 10 * round_ + 5)
            for _ in range(3):  # a controller looks at some hundred Services in each round
                decide()
            sizes.append(octets())
        left = (sizes[-1] - sizes[1]) / (2 * COUNT)
        assert left <= LEFT
    finally:
        tracemalloc.stop()
