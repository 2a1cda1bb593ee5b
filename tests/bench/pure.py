"""Measure decisions: `python -m tests.bench.pure [--json FILE]` prints a table and JSON.

Time is what this process had of a processor, so that other work on the machine does not count. The least of several
runs is compared with the limit; the garbage collector is off, as it is idle during a short decision.
"""

import gc
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from time import process_time
from typing import Any

from exalb.allocation.allocator import Allocation, Allocator
from exalb.analysis.plan import plan
from exalb.announcement.planner import NodePlan, RoutePlanner
from exalb.kube.manifests import snapshot_of
from exalb.model.address_record import record_condition
from exalb.model.cluster import Cluster, ConditionState, Key, Service
from exalb.model.parse_core import parse_endpoint_slice, parse_service
from exalb.model.patches import Changes
from exalb.model.ports import Port
from exalb.report.controller import ControllerReporter
from exalb.validation.rules import Validator, validate
from exalb_bgp.revision import Revision
from tests.bench import report
from tests.bench.figures import PROCESSOR, Figure, Measure
from tests.support.decisions import allocation_of, changes_of, plan_of
from tests.support.objects import Object, assigned_service, endpoint, endpoints, made, node, peer, pool, service, wants

NODES = [node(f"n{number}", f"10.77.0.{number}", f"fd00:77::{number:x}") for number in range(1, 5)]
PEERS = [peer("tor-a"), peer("tor-b", peerAddress="203.0.113.2")]
POOLS = [pool("main", "10.0.0.0/8", "2001:db8::/64")]
IPV4_ONLY = [pool("main", "10.0.0.0/8")]
SHARED = "10.0.0.7"


MEASURES = {
    "allocate": Measure("allocation of 10,000 Services", limit=1000),
    "allocate-pairs": Measure("allocation of 10,000 pairs", limit=2000),
    "allocate-sharing": Measure("allocation of 10,000 that all want to share", limit=2000),
    "allocate-settled": Measure("first look at 10,000 that have their address", limit=1000),
    "edit": Measure("re-allocation after one edit at 10,000", limit=15),
    "loss": Measure("re-allocation after one loss at 10,000", limit=15),
    "edit-halves": Measure("re-allocation after one edit, 10,000 halves of pairs", limit=15),
    "edit-waiting": Measure("re-allocation after one edit, 10,000 waiting", limit=100),
    "edit-alone": Measure("controller's round after one edit, the address has 1 Service", limit=50),
    "edit-sharers": Measure("controller's round after one edit, 4,000 Services share the address", limit=50),
    "edit-conflict": Measure("… after an edit by which one of them has to leave", limit=50),
    "report": Measure("report after one loss at 10,000", limit=15),
    "plan-5000": Measure("first plan at 5,000 Services and slices", limit=1500),
    "plan-10000": Measure("first plan at 10,000", limit=3000),
    "replan-edit": Measure("re-plan after one edit at 10,000", limit=5),
    "replan-endpoint": Measure("re-plan after one endpoint at 10,000", limit=5),
    "read-services": Measure("reading 1,000 Services", limit=100),
    "read-slices": Measure("reading 1,000 EndpointSlices", limit=100),
}
"""By key, in the order of the table; limits in milliseconds."""


def measure(key: str, runs: Iterable[Callable[[], object]]) -> Figure:
    """Take the time of each of the runs; making them takes none."""
    taken = []
    for run in runs:
        gc.collect()
        gc.disable()
        start = process_time()
        run()
        taken.append((process_time() - start) * 1000)
        gc.enable()
    return Figure(key, PROCESSOR, taken)


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
    """Return the snapshot of these objects, with tables as a store makes them."""
    cluster = snapshot_of([*POOLS, *PEERS, *NODES, *objects], "exalb-system")[0]
    return replace(cluster, services=Revision(cluster.services), slices=Revision(cluster.slices))


def settled(cluster: Cluster) -> Cluster:
    """Return the snapshot once every address is assigned and written."""
    held = plan(replace(cluster, nodes={})).held
    services = {
        key: replace(one, held=held[key], record=record_condition(one, held[key]))
        for key, one in cluster.services.items()
    }
    cluster = replace(cluster, services=services)
    for write in changes_of(cluster, made(9)).writes:
        if write.kind == "Service":
            key = Key(str(write.namespace), write.name)
            (condition,) = write.body["status"]["conditions"]
            written = ConditionState(condition["status"], condition["reason"], condition["message"])
            services[key] = replace(services[key], condition=written)
    return replace(cluster, services=Revision(services))


def another(cluster: Cluster, change: Callable[[Service], Service]) -> Iterator[Cluster]:
    """Yield snapshots that each have one Service changed, of different places."""
    keys = list(cluster.services)
    for number in range(1, 12):
        key = keys[number * 7919 % len(keys)]
        cluster = replace(cluster, services=Revision(cluster.services, {key: change(cluster.services[key])}))
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
    yield measure("allocate", (lambda: allocation_of(fresh) for _ in range(3)))
    yield measure("allocate-pairs", (lambda: allocation_of(pairs) for _ in range(3)))
    yield measure("allocate-sharing", (lambda: allocation_of(shared) for _ in range(1)))
    yield measure("allocate-settled", (lambda: allocation_of(full) for _ in range(3)))
    for key, start, change in (
        ("edit", full, relabelled),
        ("loss", full, emptied),
        ("edit-halves", halves, relabelled),
        ("edit-waiting", waiting, relabelled),
    ):
        allocating = _allocating()
        allocating(start)
        changed = list(another(start, change))
        yield measure(key, (partial(allocating, cluster) for cluster in changed))
    allocating, reporter, rules = _allocating(), ControllerReporter(), validate(full)
    reporter.changes(full, rules, allocating(full), made(9))
    rounds = [(cluster, allocating(cluster)) for cluster in another(full, emptied)]
    yield measure(
        "report",
        (partial(reporter.changes, cluster, rules, given, made(9)) for cluster, given in rounds),
    )


def sharers(count: int) -> Cluster:
    """Return Services of four namespaces on one address, each with a port of its own."""
    annotations = wants(sharing_key="k", sharing_namespaces="*")
    raws = [
        assigned_service(
            f"team-{number % 4}/web-{number:05}", SHARED, annotations=annotations, ports=[{"port": 1 + number}]
        )
        for number in range(count)
    ]
    return cluster_of(raws)


def with_port(cluster: Cluster, port: int) -> Cluster:
    """Return the snapshot after the oldest sharer got another port."""
    key, one = next(iter(cluster.services.items()))
    return replace(cluster, services={**cluster.services, key: replace(one, ports=frozenset([Port("TCP", port)]))})


def sharing() -> Iterator[Figure]:
    """Measure one edit of a Service that shares its address: all that the controller decides and would write."""
    for key, count, first in (("edit-alone", 1, 9000), ("edit-sharers", 4000, 9000), ("edit-conflict", 4000, 2)):
        before, rounds = sharers(count), list[Callable[[], object]]()
        for number in range(9):
            deciding = _deciding()
            deciding(before)
            rounds.append(partial(deciding, with_port(before, first + number)))
        yield measure(key, rounds)


def _deciding() -> Callable[[Cluster], Changes]:
    """Return all that the controller decides about one snapshot after the other."""
    validator, allocator, reporter = Validator(), Allocator(), ControllerReporter()

    def decide(cluster: Cluster) -> Changes:
        rules = validator.validate(cluster)
        return reporter.changes(cluster, rules, allocator.allocate(cluster, rules), made(9))

    return decide


def _allocating() -> Callable[[Cluster], Allocation]:
    """Return what the controller does with one snapshot after the other."""
    validator, allocator = Validator(), Allocator()
    return lambda cluster: allocator.allocate(cluster, validator.validate(cluster))


def _planning() -> Callable[[Cluster], NodePlan]:
    """Return what a speaker does with one snapshot after the other."""
    validator, planner = Validator(), RoutePlanner("n1")
    return lambda cluster: planner.plan(cluster, validator.validate(cluster))


def plans() -> Iterator[Figure]:
    """Measure a speaker's decisions."""
    half = settled(cluster_of(services(5_000, externalTrafficPolicy="Local") + slices(5_000)))
    full = settled(cluster_of(services(10_000, externalTrafficPolicy="Local") + slices(10_000)))
    yield measure("plan-5000", (lambda: plan_of("n1", half) for _ in range(3)))
    yield measure("plan-10000", (lambda: plan_of("n1", full) for _ in range(2)))
    planning = _planning()
    planning(full)
    edited = list(another(full, relabelled))
    yield measure("replan-edit", (partial(planning, cluster) for cluster in edited))
    moving = list(unready(edited[-1]))
    yield measure("replan-endpoint", (partial(planning, cluster) for cluster in moving))


def unready(cluster: Cluster) -> Iterator[Cluster]:
    """Yield snapshots in which one endpoint after the other is not ready any more."""
    keys = list(cluster.slices)
    for number in range(1, 12):
        key = keys[number * 7919 % len(keys)]
        gone = tuple(replace(one, endpoints=one.endpoints[1:]) for one in cluster.slices[key])
        cluster = replace(cluster, slices=Revision(cluster.slices, {key: gone}))
        yield cluster


def readings() -> Iterator[Figure]:
    """Measure what it takes to read objects that come from the API server."""
    raws, parts = services(1_000), slices(1_000)
    yield measure("read-services", (lambda: list(map(parse_service, raws)) for _ in range(5)))
    yield measure("read-slices", (lambda: list(map(parse_endpoint_slice, parts)) for _ in range(5)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    options = report.parser("tests.bench.pure", __doc__).parse_args(arguments)
    figures = [*allocations(), *sharing(), *plans(), *readings()]
    return report.publish(figures, options.json, MEASURES, "Decisions, in milliseconds of a processor: least / median")


if __name__ == "__main__":
    sys.exit(main())
