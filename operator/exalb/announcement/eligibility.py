"""Decides by endpoints whether a node can serve a Service's address. Pure.

An address needs a ready endpoint; draining endpoints serve it for a short time. With externalTrafficPolicy Local the
node's own endpoints count, with Cluster those of all nodes. As in kube-proxy, an EndpointSlice counts only if it has a
port of the Service, by name and protocol.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from exalb.api.reasons import Reason, Refusal
from exalb.model.address_record import managed_addresses
from exalb.model.cluster import EndpointSlice, Node, Readiness, Service, ServiceFamily
from exalb.model.local_node import DataPlane, LocalNode
from exalb.model.scope import Scope
from exalb.validation.pools import ActivePool, PoolIndex
from exalb_bgp.rib import Address, Prefix
from exalb_bgp.session import Family

EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"


class EndpointState(IntEnum):
    """The best endpoints that an address has on a node; the higher state decides where Services share an address."""

    NONE = 0
    DRAINING = 1
    READY = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """One address of one Service, as one node sees it."""

    service: Service
    address: Address
    prefix: Prefix
    """The host route of the address."""
    pool: ActivePool | None
    state: EndpointState
    """Whether or not it is refused."""
    refusal: Refusal | None
    """Why the node does not announce it."""
    weight: int
    """With externalTrafficPolicy Local, the number of the node's endpoints in that state; else 0."""


class NodeContext(NamedTuple):
    """A node, and the facts that are the same there for every Service."""

    node: Node
    refusal: Refusal | None
    """Why it announces nothing at all."""
    routers: Mapping[Address, str]
    """The routers of its sessions, by address, with the names of their BGPPeers."""
    programmed: Mapping[ServiceFamily, int] | None = None
    """As in `Cluster`; None where nobody asks."""

    def refusal_of(self, address: Address) -> Refusal | None:
        """Return why no Service may have this address here, or None."""
        if address in self.node.addresses:
            return Refusal(Reason.ADDRESS_IN_USE, f"{address} is an address of node {self.node.name} itself")
        peer = self.routers.get(address)
        if peer is None:
            return None
        return Refusal(Reason.ADDRESS_IN_USE, f"{address} is the address of BGPPeer {peer} on node {self.node.name}")

    def is_programmed(self, service: Service, family: Family) -> bool:
        """Return whether the node delivers to the Service's ready endpoints, as far as is known."""
        port = service.health_check_port
        if self.programmed is None or not service.local_traffic or port is None:
            return True
        return self.programmed.get((service.key, family)) == port


def host_route(address: Address) -> Prefix:
    """Return the prefix that contains this address only."""
    return IPv4Network((int(address), 32)) if address.version == 4 else IPv6Network((int(address), 128))


def node_refusal(node: Node, host: LocalNode, scope: Scope) -> Refusal | None:
    """Return why a node announces nothing at all, or None; `host` is the node as its own speaker sees it."""
    if EXCLUDED in node.labels and not scope.ignore_exclude_label:
        return Refusal(Reason.NODE_EXCLUDED, f"node {node.name} has the label {EXCLUDED}")
    if node.network_unavailable:
        return Refusal(Reason.NODE_NETWORK_UNAVAILABLE, f"node {node.name} has the condition NetworkUnavailable")
    if host.data_plane in (DataPlane.STARTING, DataPlane.DOWN):
        return Refusal(Reason.DATA_PLANE_DOWN, f"node {node.name} does not forward traffic for Services: {host.why}")
    return None


def candidates(
    service: Service, slices: tuple[EndpointSlice, ...], context: NodeContext, pools: PoolIndex
) -> tuple[Candidate, ...]:
    """Return a candidate for each address of `service` that ExaLB manages."""
    node, found = context.node, []
    for address in managed_addresses(service):
        pool = pools.find(address)
        family = Family.of(address)
        programmed = context.is_programmed(service, family)
        state, weight, refusal = endpoint_state(service, slices, node, family, programmed=programmed)
        if pool is None:
            message = f"{address} is in no active pool: add it to an IPAddressPool to keep it"
            refusal = Refusal(Reason.ADDRESS_NOT_IN_POOL, message)
        else:
            refused = pool.refusal_to(service, address, None, is_held=True)
            refusal = refused or context.refusal_of(address) or refusal
        found.append(Candidate(service, address, host_route(address), pool, state, context.refusal or refusal, weight))
    return tuple(found)


def endpoint_state(
    service: Service, slices: tuple[EndpointSlice, ...], node: Node, family: Family, *, programmed: bool = True
) -> tuple[EndpointState, int, Refusal | None]:
    """Return the best endpoints of a family that a node has for a Service, their number, and why there are none.

    Ready endpoints do not count before they are `programmed`.
    """
    of_family = [part for part in slices if part.family is family]
    # A manifest without ports is not judged by them: the API server would refuse it.
    serving = [part for part in of_family if part.ports & service.endpoint_ports or not service.endpoint_ports]
    ready, draining = _count(serving, node.name if service.local_traffic else None)
    if ready and programmed:
        return EndpointState.READY, ready if service.local_traffic else 0, None
    if draining:
        return EndpointState.DRAINING, draining if service.local_traffic else 0, None
    if ready:
        return EndpointState.NONE, 0, _not_programmed(service, node)
    where = f" on node {node.name}, and externalTrafficPolicy is Local" if service.local_traffic else ""
    message = f"{service.key} has no ready {family.label} endpoint{where}"
    if any(part.endpoints for part in of_family) and not any(part.endpoints for part in serving):
        ports = ", ".join(sorted(map(str, service.endpoint_ports)))
        message += f": no EndpointSlice has a port of the Service ({ports}), as with a targetPort that no container has"
    elif not any(part.endpoints for part in slices):
        selector = ",".join(f"{key}={value}" for key, value in service.selector)
        message += f": no pod with {selector} is ready" if selector else ", and no selector"
    return EndpointState.NONE, 0, Refusal(Reason.NO_READY_ENDPOINTS, message)


def _not_programmed(service: Service, node: Node) -> Refusal:
    port = f"healthCheckNodePort {service.health_check_port}"
    message = f"kube-proxy of node {node.name} does not deliver to the endpoints of {service.key} there yet ({port})"
    return Refusal(Reason.ENDPOINTS_NOT_PROGRAMMED, message)


def _count(slices: Iterable[EndpointSlice], node: str | None) -> tuple[int, int]:
    """Count the ready and the draining endpoints; one address in two slices is one, ready if either says so."""
    best: dict[str, Readiness] = {}
    for part in slices:
        for endpoint in part.endpoints:
            if node is not None and endpoint.node != node:
                continue
            if endpoint.readiness is Readiness.READY or endpoint.address not in best:
                best[endpoint.address] = endpoint.readiness
    ready = sum(readiness is Readiness.READY for readiness in best.values())
    return ready, len(best) - ready
