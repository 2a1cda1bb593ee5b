"""How long decisions take: `python -m tests.bench.pure` prints a table and JSON.

Time is what this process had of a processor, so that other work on the machine does not count; of several runs the
least is told, and the garbage collector rests, as it does for all of a short decision.
"""

import gc
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from time import process_time
from typing import Any

from rich.console import Console
from rich.table import Table

from exalb.allocation import Allocator, allocate
from exalb.cluster import Cluster, ConditionState, Key, Service
from exalb.manifests import picture
from exalb.parse import parse_endpoint_slice, parse_service
from exalb.planning import plan
from exalb.report import ControllerReporter
from exalb.routes import RoutePlanner
from tests.unit.objects import Object, endpoint, endpoints, made, node, peer, pool, service, wants

NODES = [node(f"n{number}", f"10.77.0.{number}", f"fd00:77::{number:x}") for number in range(1, 5)]
PEERS = [peer("tor-a"), peer("tor-b", peerAddress="203.0.113.2")]
POOLS = [pool("main", "10.0.0.0/8", "2001:db8::/64")]
IPV4_ONLY = [pool("main", "10.0.0.0/8")]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure: the least and the middle of its runs, in milliseconds, and what it should stay under."""

    text: str
    least: float
    median: float
    aim: float


def measure(text: str, aim: float, runs: Iterator[Callable[[], object]]) -> Figure:
    """Take the time of each of the runs; making them takes none."""
    taken = []
    for run in runs:
        gc.collect()
        gc.disable()
        start = process_time()
        run()
        taken.append((process_time() - start) * 1000)
        gc.enable()
    taken.sort()
    return Figure(text, taken[0], taken[len(taken) // 2], aim)


def services(count: int, **spec: Any) -> list[Object]:
    """Return Services, each a minute older than the next by name, in ten namespaces."""
    found = []
    for number in range(count):
        raw = service(f"team-{number % 10}/web-{number:05}", ports=[{"port": 80}], **spec)
        raw["metadata"]["creationTimestamp"] = (
            f"2026-01-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z"
        )
        found.append(raw)
    return found


def slices(count: int) -> list[Object]:
    """Return one EndpointSlice for each of the Services, with two endpoints."""
    return [
        endpoints(
            f"team-{number % 10}/web-{number:05}",
            endpoint(f"10.88.{number >> 8 & 255}.{number & 255}", "n1"),
            endpoint(f"10.89.{number >> 8 & 255}.{number & 255}", f"n{number % 3 + 2}"),
        )
        for number in range(count)
    ]


def cluster_of(objects: list[Object]) -> Cluster:
    """Return the picture that objects make."""
    return picture([*POOLS, *PEERS, *NODES, *objects], "exalb-system")[0]


def settled(cluster: Cluster) -> Cluster:
    """Return the picture once all is given and written."""
    held = plan(replace(cluster, nodes={})).held
    services = {key: replace(one, held=held[key]) for key, one in cluster.services.items()}
    cluster = replace(cluster, services=services)
    for write in ControllerReporter().changes(cluster, allocate(cluster), made(9)).writes:
        if write.kind == "Service":
            key = Key(str(write.namespace), write.name)
            (condition,) = write.body["status"]["conditions"]
            written = ConditionState(condition["status"], condition["reason"], condition["message"])
            services[key] = replace(services[key], condition=written)
    return replace(cluster, services=dict(services))


def another(cluster: Cluster, change: Callable[[Service], Service]) -> Iterator[Cluster]:
    """Yield pictures that each have one Service changed, of different places."""
    keys = list(cluster.services)
    for number in range(1, 12):
        key = keys[number * 7919 % len(keys)]
        cluster = replace(cluster, services={**cluster.services, key: change(cluster.services[key])})
        yield cluster


def relabelled(one: Service) -> Service:
    """Return a Service after an edit that matters little."""
    return replace(one, labels={**one.labels, "edited": "yes"})


def emptied(one: Service) -> Service:
    """Return a Service that has lost its address."""
    return replace(one, held=())


def allocations() -> Iterator[Figure]:
    """Measure the controller's decisions, at 10,000 Services."""
    fresh = cluster_of(services(10_000))
    full = settled(fresh)
    pairs = cluster_of(services(10_000, ipFamilyPolicy="RequireDualStack"))
    shared = cluster_of(services(10_000, annotations=wants(sharing_key="k")))
    halves = settled(
        replace(cluster_of(services(10_000, ipFamilyPolicy="PreferDualStack")), pools=cluster_of(IPV4_ONLY).pools)
    )
    waiting = settled(cluster_of(services(10_000, annotations=wants(pool="gone"))))
    yield measure("allocation of 10,000 Services", 1000, (lambda: allocate(fresh) for _ in range(3)))
    yield measure("allocation of 10,000 pairs", 2000, (lambda: allocate(pairs) for _ in range(3)))
    yield measure("allocation of 10,000 that all want to share", 2000, (lambda: allocate(shared) for _ in range(1)))
    yield measure("first look at 10,000 that have their address", 1000, (lambda: allocate(full) for _ in range(3)))
    for text, start, change in (
        ("re-allocation after one edit at 10,000", full, relabelled),
        ("re-allocation after one loss at 10,000", full, emptied),
        ("re-allocation after one edit, 10,000 halves of pairs", halves, relabelled),
        ("re-allocation after one edit, 10,000 waiting", waiting, relabelled),
    ):
        allocator = Allocator()
        allocator.allocate(start)
        changed = list(another(start, change))
        yield measure(text, 100 if start is waiting else 15, (partial(allocator.allocate, one) for one in changed))
    allocator, reporter = Allocator(), ControllerReporter()
    reporter.changes(full, allocator.allocate(full), made(9))
    rounds = [(one, allocator.allocate(one)) for one in another(full, emptied)]
    yield measure(
        "report after one loss at 10,000",
        15,
        (partial(reporter.changes, one, given, made(9)) for one, given in rounds),
    )


def plans() -> Iterator[Figure]:
    """Measure a speaker's decisions."""
    half = settled(cluster_of(services(5_000, externalTrafficPolicy="Local") + slices(5_000)))
    full = settled(cluster_of(services(10_000, externalTrafficPolicy="Local") + slices(10_000)))
    yield measure(
        "first plan at 5,000 Services and slices", 1500, (lambda: RoutePlanner("n1").plan(half) for _ in range(3))
    )
    yield measure("first plan at 10,000", 3000, (lambda: RoutePlanner("n1").plan(full) for _ in range(2)))
    planner = RoutePlanner("n1")
    planner.plan(full)
    edited = list(another(full, relabelled))
    yield measure("re-plan after one edit at 10,000", 5, (partial(planner.plan, one) for one in edited))
    moving = list(unready(edited[-1]))
    yield measure("re-plan after one endpoint at 10,000", 5, (partial(planner.plan, one) for one in moving))


def unready(cluster: Cluster) -> Iterator[Cluster]:
    """Yield pictures in which one endpoint after the other is not ready any more."""
    keys = list(cluster.slices)
    for number in range(1, 12):
        key = keys[number * 7919 % len(keys)]
        gone = tuple(replace(one, endpoints=one.endpoints[1:]) for one in cluster.slices[key])
        cluster = replace(cluster, slices={**cluster.slices, key: gone})
        yield cluster


def readings() -> Iterator[Figure]:
    """Measure what it takes to read objects that come from the API server."""
    raws, parts = services(1_000), slices(1_000)
    yield measure("reading 1,000 Services", 100, (lambda: list(map(parse_service, raws)) for _ in range(5)))
    yield measure(
        "reading 1,000 EndpointSlices", 100, (lambda: list(map(parse_endpoint_slice, parts)) for _ in range(5))
    )


def main() -> int:
    """Print what was measured; the exit code says whether all of it is within its aim."""
    figures = [*allocations(), *plans(), *readings()]
    table = Table(title="Decisions, in milliseconds of a processor", title_justify="left")
    for heading in ("measure", "least", "median", "aim"):
        table.add_column(heading, justify="left" if heading == "measure" else "right", no_wrap=True)
    for one in figures:
        table.add_row(one.text, f"{one.least:.1f}", f"{one.median:.1f}", f"{one.aim:.0f}")
    Console(stderr=True).print(table)
    rows = [{"measure": one.text, "ms": one.least, "median": one.median, "aim": one.aim} for one in figures]
    json.dump({"figures": rows}, sys.stdout, indent=1)
    sys.stdout.write("\n")
    return int(any(one.least > one.aim for one in figures))


if __name__ == "__main__":
    sys.exit(main())
