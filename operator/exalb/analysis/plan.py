"""Plans a whole cluster from one snapshot. Pure.

It runs the functions of the controller and of the speakers until nothing changes any more: an address that one round
releases can be assigned in the next.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from exalb.allocation.allocator import Allocation, Allocator
from exalb.analysis.l2_warnings import l2_warnings
from exalb.analysis.overrides import OverridePolicy
from exalb.analysis.warnings import service_warnings, static_warnings
from exalb.announcement.drain import DrainPolicy
from exalb.announcement.drained_plan import settled_drain
from exalb.announcement.l2 import L2Plan, L2Planner
from exalb.announcement.planner import NodePlan, RoutePlanner
from exalb.api.reasons import Finding
from exalb.model.address_record import has_only_ours, is_recorded, record_condition
from exalb.model.cluster import Cluster, Key, Service
from exalb.validation.rules import Rules, validate
from exalb_bgp.rib import Address


@dataclass(frozen=True, slots=True)
class Plan:
    """The decisions of ExaLB about one snapshot."""

    allocation: Allocation
    nodes: tuple[NodePlan, ...]
    invalid: tuple[Finding, ...]
    held: Mapping[Key, tuple[Address, ...]]
    l2: L2Plan
    """The addresses that a node announces on its LAN, and the nodes that may."""
    notes: tuple[Finding, ...] = ()
    """Warnings: settings that are valid and have no effect."""

    @property
    def is_good(self) -> bool:
        """Whether every Service has what it asked for and every object is valid; a withheld route is no error."""
        return not self.invalid and not any(outcome.refusal for outcome in self.allocation.outcomes.values())


def plan(cluster: Cluster, malformed: Iterable[Finding] = (), ignored: Iterable[Finding] = ()) -> Plan:
    """Return what ExaLB would do.

    `malformed` and `ignored` are findings about objects that are not in the snapshot: invalid ones and others.
    """
    rules = validate(cluster)
    allocation, settled = settle(cluster, rules, Allocator().allocate)
    nodes = tuple(node_plan(settled, rules, name, DrainPolicy()) for name in sorted(cluster.nodes))
    invalid = tuple(sorted((*rules.invalid, *malformed), key=_order))
    remarks = _remarks(settled, OverridePolicy(settled, rules), allocation)
    notes = tuple(
        sorted(
            (
                *remarks,
                *static_warnings(settled, rules),
                *service_warnings(settled, rules),
                *l2_warnings(settled, rules),
                *ignored,
            ),
            key=_order,
        )
    )
    held = {key: service.held for key, service in settled.services.items()}
    return Plan(allocation, nodes, invalid, held, L2Planner(DrainPolicy()).plan(settled, rules), notes)


def node_plan(cluster: Cluster, rules: Rules, node: str, policy: DrainPolicy) -> NodePlan:
    """Return what a node announces in the end: also at the end of its drain, where it is drained."""
    return settled_drain(cluster, rules, RoutePlanner(node).plan(cluster, rules), policy)


def _remarks(cluster: Cluster, hearing: OverridePolicy, allocation: Allocation) -> Iterator[Finding]:
    for key, outcome in allocation.outcomes.items():
        for remark in hearing.remarks(cluster.services[key], outcome):
            yield Finding("Service", str(key), "metadata.annotations", remark.reason, remark.message)
    for key, refusal in allocation.foreign.items():
        yield Finding("Service", str(key), "status.loadBalancer", refusal.reason, refusal.message)


def _order(finding: Finding) -> tuple[str, str, str, str]:
    return finding.kind, finding.name, finding.field, finding.message


class UnsettledError(Exception):
    """The allocation goes on changing, which is a fault of ours."""


def settle(
    cluster: Cluster, rules: Rules, allocate: Callable[[Cluster, Rules], Allocation]
) -> tuple[Allocation, Cluster]:
    """Allocate and write down, until nothing changes; return the last allocation and the cluster after it.

    Each round passes on addresses of Services that lost them, so the rounds are at most as many as the Services.
    """
    for _ in range(len(cluster.services) + 2):
        allocation = allocate(cluster, rules)
        services = {key: _after(service, allocation) for key, service in cluster.services.items()}
        if all(services[key] is service for key, service in cluster.services.items()):
            return allocation, cluster
        cluster = replace(cluster, services=services)
    raise UnsettledError("the allocation of these manifests never settles: please report them")


def _after(service: Service, allocation: Allocation) -> Service:
    """Return the Service as it would be once its status is written."""
    outcome = allocation.outcomes.get(service.key)
    if outcome is None:
        if not (service.condition or service.record):
            return service
        held = () if has_only_ours(service) else service.held
        return replace(service, held=held, condition=None, record=None)
    if service.held == outcome.addresses and is_recorded(service, outcome.addresses):
        return service
    return replace(service, held=outcome.addresses, record=record_condition(service, outcome.addresses))
