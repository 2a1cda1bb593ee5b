"""The whole plan for one picture of the cluster, and its JSON form. Pure.

It runs the very functions that the controller and the speakers run, until nothing changes any more: what one round
frees, the next can give.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from exalb.addresses import prefix_order
from exalb.allocation import Allocation, Allocator
from exalb.cluster import Cluster, Key, Service
from exalb.effects import in_vain, in_vain_now
from exalb.overrides import Hearing
from exalb.reasons import Invalid
from exalb.report_services import has_only_ours
from exalb.routes import NodePlan, RoutePlanner
from exalb.session_table import SessionPlan, row_order
from exalb.validity import in_force
from exalb_bgp.rib import Address, Prefix


@dataclass(frozen=True, slots=True)
class Plan:
    """What ExaLB would do."""

    allocation: Allocation
    nodes: tuple[NodePlan, ...]
    invalid: tuple[Invalid, ...]
    held: Mapping[Key, tuple[Address, ...]]
    notes: tuple[Invalid, ...] = ()
    """What is lawful and has no effect; no error."""

    @property
    def is_good(self) -> bool:
        """Whether every Service has what it asked for and every object is valid; a withheld route is no error."""
        return not self.invalid and not any(outcome.refusal for outcome in self.allocation.outcomes.values())


def plan(cluster: Cluster, malformed: Iterable[Invalid] = ()) -> Plan:
    """Work out what ExaLB would do; `malformed` are objects that could not be read into the picture."""
    allocation, settled = _settle(cluster)
    nodes = tuple(RoutePlanner(name).plan(settled) for name in sorted(cluster.nodes))
    rules = in_force(cluster)
    found = (*rules.invalid, *malformed)
    invalid = tuple(sorted(found, key=_order))
    remarks = _remarks(settled, Hearing(settled, rules), allocation)
    vain = tuple(sorted((*remarks, *in_vain(settled, rules), *in_vain_now(settled, rules)), key=_order))
    return Plan(allocation, nodes, invalid, {key: service.held for key, service in settled.services.items()}, vain)


def _remarks(cluster: Cluster, hearing: Hearing, allocation: Allocation) -> Iterator[Invalid]:
    for key, outcome in allocation.outcomes.items():
        for remark in hearing.remarks(cluster.services[key], outcome):
            yield Invalid("Service", str(key), "metadata.annotations", remark.reason, remark.message)


def _order(one: Invalid) -> tuple[str, str, str, str]:
    return one.kind, one.name, one.field, one.message


def _settle(cluster: Cluster) -> tuple[Allocation, Cluster]:
    allocator = Allocator()
    while True:
        allocation = allocator.allocate(cluster)
        services = {key: _after(service, allocation, cluster) for key, service in cluster.services.items()}
        if all(services[key] is service for key, service in cluster.services.items()):
            return allocation, cluster
        cluster = replace(cluster, services=services)


def _after(service: Service, allocation: Allocation, cluster: Cluster) -> Service:
    """Return the Service as it would be once its status is written."""
    outcome = allocation.outcomes.get(service.key)
    if outcome is None:
        ours_before = service.condition is not None and not cluster.is_ours(service)
        return (
            replace(service, held=() if has_only_ours(service) else service.held, condition=None)
            if ours_before
            else service
        )
    return service if service.held == outcome.addresses else replace(service, held=outcome.addresses)


def to_json(planned: Plan) -> dict[str, Any]:
    """Return the plan as JSON values; every list is sorted. There are `notes` only where there is something to note."""
    told: dict[str, Any] = {
        "services": [_service(key, planned) for key in sorted(planned.allocation.outcomes)],
        "nodes": [
            {"name": node.node, "sessions": [_session(one) for _, one in sorted(node.sessions.items())]}
            for node in planned.nodes
        ],
        "invalid": [_said(one) for one in planned.invalid],
    }
    return told | ({"notes": [_said(one) for one in planned.notes]} if planned.notes else {})


def _said(one: Invalid) -> dict[str, str]:
    return {"kind": one.kind, "name": one.name, "field": one.field, "message": one.message}


def _service(key: Key, planned: Plan) -> dict[str, Any]:
    outcome = planned.allocation.outcomes[key]
    return {
        "namespace": key.namespace,
        "name": key.name,
        "pool": outcome.pool,
        "addresses": [str(address) for address in outcome.addresses],
        "reason": outcome.refusal.reason.value if outcome.refusal else None,
        "message": outcome.refusal.message if outcome.refusal else None,
    }


def _session(plan: SessionPlan) -> dict[str, Any]:
    session = plan.session
    return {
        "peer": plan.peer,
        "peerAddress": str(session.peer_address) if session else None,
        "localASN": session.local_asn if session else None,
        "peerASN": session.peer_asn if session else None,
        "routes": [_route(prefix, plan) for prefix in sorted(plan.routes, key=prefix_order)],
        "withheld": [
            {
                "service": str(key),
                "prefix": str(prefix),
                "reason": refusal.reason.value,
                "message": refusal.message,
            }
            for (key, prefix), refusal in sorted(plan.withheld.items(), key=lambda one: row_order(one[0]))
        ],
    }


def _route(prefix: Prefix, plan: SessionPlan) -> dict[str, Any]:
    route = plan.routes[prefix]
    attributes = route.attributes
    return {
        "prefix": str(prefix),
        "nextHop": str(attributes.next_hop) if attributes.next_hop else "self",
        "localPref": attributes.local_pref,
        "med": attributes.med,
        "asPathPrepend": attributes.as_path_prepend,
        "communities": [str(community) for community in attributes.communities],
        "largeCommunities": [str(community) for community in attributes.large_communities],
        "extendedCommunities": [str(community) for community in attributes.extended_communities],
        "services": list(route.services),
    }
