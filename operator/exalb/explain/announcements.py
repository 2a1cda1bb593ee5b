"""Where a Service is announced: a row for each node and peer, from the plan and the report of each speaker. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from typing import NamedTuple

from exalb.announcement.adj_rib_out import SessionPlan
from exalb.announcement.eligibility import host_route
from exalb.explain.observed import Observed
from exalb.explain.sessions import SessionState, planned_sessions, session_state
from exalb.model.cluster import Cluster, Key, Service
from exalb_bgp.rib import Address, Prefix
from exalb_bgp.session import Family


class Announcement(NamedTuple):
    """One prefix of a Service, at one session of one node."""

    prefix: Prefix
    withheld: bool
    """Whether the node decided not to announce it; else the session decides."""
    state: SessionState
    """The session, with the reason why the prefix is not with the router."""

    @property
    def is_sent(self) -> bool:
        """Whether the prefix is with the router."""
        return self.state.refusal is None


def announcements(observed: Observed, service: Service) -> Iterator[Announcement]:
    """Yield a row for each prefix of the Service and each session that carries its family."""
    for node, plan in planned_sessions(observed, related(observed, service)):
        yield from _of_session(observed, node, plan, service)


def _of_session(observed: Observed, node: str, plan: SessionPlan, service: Service) -> Iterator[Announcement]:
    state = session_state(observed, node, plan)
    for (key, prefix), refusal in plan.withheld.items():
        if key == service.key:
            why = state.refusal if plan.refusal and state.refusal else refusal
            yield Announcement(prefix, True, state._replace(refusal=why))
    for prefix, route in plan.routes.items():
        if str(service.key) in route.services:
            yield Announcement(prefix, False, state)


def related(observed: Observed, service: Service) -> Cluster:
    """Return the cluster with those Services alone that can be part of a route of this one."""
    widest = [_widest(observed, address) for address in service.held]
    services: dict[Key, Service] = {
        key: other
        for key, other in observed.cluster.services.items()
        if any(address.version == prefix.version and address in prefix for prefix in widest for address in other.held)
    }
    slices = {key: observed.cluster.slices[key] for key in services if key in observed.cluster.slices}
    return replace(observed.cluster, services=services, slices=slices)


def _widest(observed: Observed, address: Address) -> Prefix:
    """Return the widest prefix that an advertisement makes of an address."""
    lengths = [
        item.spec.aggregation_length if Family.of(address) is Family.IPV4 else item.spec.aggregation_length_v6
        for item in observed.rules.advertisements
    ]
    return ip_network((address, min(lengths, default=host_route(address).prefixlen)), strict=False)
