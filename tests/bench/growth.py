"""Measure how cost grows with Services and nodes: `python -m tests.bench.growth [--json FILE]`.

Time is what this process had of a processor, the least of several tries. The exponent is the slope between the
logarithms of size and cost over the three largest sizes: 1 means that twice as many cost twice as much.
"""

import gc
import json
import math
import statistics
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from time import process_time
from typing import NamedTuple

from exalb.allocation.allocator import Allocator
from exalb.announcement.planner import RoutePlanner
from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Cluster
from exalb.report.announced_services import LOOKED_AT
from exalb.report.controller import ControllerReporter
from exalb.validation.rules import Validator
from exalb_bgp.revision import Revision
from tests.bench import report
from tests.bench.figures import EXPONENT, Figure, Measure, load_average
from tests.support.objects import Object, assigned_service, endpoint, endpoints, made, node, peer, pool

SERVICES, NODES = (1, 10, 100, 1_000, 10_000), (1, 10, 100, 500)
FEW_NODES, FEW_SERVICES = 2, 1_000
"""The other size where one of the two varies."""
LARGEST = 3
COSTS = {
    "speaker-first": "first plan of a speaker, ms of a processor",
    "speaker-change": "… its plan after one endpoint changed, ms",
    "controller-first": "first round of a controller, ms of a processor",
    "controller-change": "… its round after one Service changed, ms",
    "memory": "memory of a speaker's snapshot and plan, MB",
    "octets": "octets of the lists that a speaker reads, MB",
}
AXES = {"services": ("Services", SERVICES), "nodes": ("nodes", NODES)}


def _measures() -> Iterator[tuple[str, Measure]]:
    for axis, (words, sizes) in AXES.items():
        for cost, text in COSTS.items():
            at = f" at {', '.join(f'{size:,}' for size in sizes)} {words}" if cost == next(iter(COSTS)) else ""
            yield f"{cost}-{axis}", Measure(text + at)
            yield f"{cost}-{axis}-exponent", Measure("… exponent", aim="≤ 1", limit=1.1)


MEASURES = dict(_measures())


class World(NamedTuple):
    """The objects of one cluster, and its snapshot, whose tables are as a store makes them."""

    objects: list[Object]
    cluster: Cluster


def world(services: int, nodes: int) -> World:
    """Return a cluster in which every Service has its address, and an endpoint on each of two nodes."""
    names = [f"team-{number % 10}/web-{number:05}" for number in range(services)]
    found: list[Object] = [pool("main", "10.0.0.0/8"), peer("tor")]
    found += [node(f"n{number}", f"192.168.{number >> 8}.{number & 255}") for number in range(1, nodes + 1)]
    for number, name in enumerate(names):
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        found.append(assigned_service(name, address, ports=[{"port": 80}], externalTrafficPolicy="Local"))
        parts = [endpoint(f"10.88.0.{where + 1}", f"n{(number + where) % nodes + 1}") for where in range(2)]
        found.append(endpoints(name, *parts))
    cluster = snapshot_of(found, "exalb-system")[0]
    return World(found, replace(cluster, services=Revision(cluster.services), slices=Revision(cluster.slices)))


def _speaker() -> Callable[[Cluster], object]:
    validator, planner = Validator(), RoutePlanner("n1")
    return lambda cluster: planner.plan(cluster, validator.validate(cluster))


def _controller() -> Callable[[Cluster], object]:
    validator, allocator, reporter = Validator(), Allocator(), ControllerReporter()

    def decide(cluster: Cluster) -> object:
        rules = validator.validate(cluster)
        return reporter.changes(cluster, rules, allocator.allocate(cluster, rules), made(9))

    return decide


def _moved(cluster: Cluster) -> Cluster:
    key, parts = next(iter(cluster.slices.items()))
    gone = tuple(replace(part, endpoints=part.endpoints[1:]) for part in parts)
    return replace(cluster, slices=Revision(cluster.slices, {key: gone}))


def _edited(cluster: Cluster) -> Cluster:
    key, service = next(iter(cluster.services.items()))
    return replace(cluster, services=Revision(cluster.services, {key: replace(service, labels={"edited": "yes"})}))


def _spent(work: Callable[[], object]) -> float:
    gc.collect()
    gc.disable()
    begun = process_time()
    work()
    spent = process_time() - begun
    gc.enable()
    return 1000 * spent


def _times(begin: Callable[[], Callable[[Cluster], object]], before: Cluster, after: Cluster) -> tuple[float, float]:
    """Return the milliseconds of a first decision and of one after a change, each the least of some tries."""
    firsts, changes = list[float](), list[float]()
    for _ in range(3):
        decide = begin()
        firsts.append(_spent(lambda: decide(before)))  # noqa: B023 - it is called at once
        for _ in range(len(before.services) // LOOKED_AT):  # so soon a controller has looked at each Service
            decide(before)
        for _ in range(4):
            decide(before)
            changes.append(_spent(lambda: decide(after)))  # noqa: B023
    return min(firsts), min(changes)


def _memory(objects: list[Object]) -> float:
    text = json.dumps(objects)
    tracemalloc.start()
    decide = _speaker()
    kept = [cluster := snapshot_of(json.loads(text), "exalb-system")[0], decide(cluster), decide]
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / 1e6 if kept else 0.0


def costs(services: int, nodes: int) -> dict[str, float]:
    """Return each cost at one size."""
    found = world(services, nodes)
    speaker = _times(_speaker, found.cluster, _moved(found.cluster))
    controller = _times(_controller, found.cluster, _edited(found.cluster))
    octets = sum(len(json.dumps(raw)) for raw in found.objects) / 1e6
    return dict(zip(COSTS, (*speaker, *controller, _memory(found.objects), octets), strict=True))


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Return the slope of the line through the logarithms, by least squares."""
    return statistics.linear_regression(list(map(math.log, sizes)), list(map(math.log, values))).slope


def _figures() -> Iterator[Figure]:
    for axis, (_, sizes) in AXES.items():
        before = load_average()
        shapes = [(size, FEW_NODES) if axis == "services" else (FEW_SERVICES, size) for size in sizes]
        found = [costs(*shape) for shape in shapes]
        load = (before, load_average())
        for cost in COSTS:
            values = [each[cost] for each in found]
            yield Figure(f"{cost}-{axis}", "", [float(f"{value:.3g}") for value in values], load)
            slope = exponent(sizes[-LARGEST:], values[-LARGEST:])
            yield Figure(f"{cost}-{axis}-exponent", EXPONENT, [round(slope, 2)], load)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    options = report.parser("tests.bench.growth", __doc__).parse_args(arguments)
    return report.publish(list(_figures()), options.json, MEASURES, "Cost by size, and its exponent")


if __name__ == "__main__":
    sys.exit(main())
