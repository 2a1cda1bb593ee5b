"""Whether a node can serve a Service's address, by its endpoints. Pure.

Ready endpoints mean yes; none but draining ones mean "for a little while yet"; none at all mean no. Under Local traffic
the node's own endpoints count, under Cluster traffic those of all nodes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from exalb.cluster import EndpointSlice, Node, Readiness, Service
from exalb.host import DataPlane, Host
from exalb.reasons import Reason, Refusal
from exalb.validity import PoolIndex, PoolInForce
from exalb_bgp.rib import Address, Prefix
from exalb_bgp.session import Family

EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"


class Level(IntEnum):
    """How much a node wants the traffic of an address; the higher decides where Services share it."""

    NONE = 0
    DRAINING = 1
    READY = 2


@dataclass(frozen=True, slots=True)
class Presence:
    """What one node has for one address of one Service."""

    service: Service
    address: Address
    prefix: Prefix
    """The host route of the address."""
    pool: PoolInForce | None
    level: Level
    refusal: Refusal | None
    """Why the level is NONE."""
    weight: int
    """Under Local traffic, how many of the node's endpoints make up the level; 0 where they do not matter."""


class Place(NamedTuple):
    """A node, and what is the same there for every Service."""

    node: Node
    refusal: Refusal | None
    """Why it announces nothing at all."""
    routers: Mapping[Address, str]
    """Those that it has sessions with, and the names of the peers: its default gateway is known to itself alone."""

    def refusal_of(self, address: Address) -> Refusal | None:
        """Tell why no Service may have this address here, or None."""
        peer = self.routers.get(address)
        message = f"{address} is the address of BGPPeer {peer}, seen from node {self.node.name}"
        return Refusal(Reason.ADDRESS_IN_USE, message) if peer else None


def host_route(address: Address) -> Prefix:
    """Return the prefix that holds just this address."""
    return IPv4Network((int(address), 32)) if address.version == 4 else IPv6Network((int(address), 128))


def node_refusal(node: Node, host: Host) -> Refusal | None:
    """Tell why a node announces nothing at all, or None; `host` is what its own speaker sees of it."""
    if EXCLUDED in node.labels:
        return Refusal(Reason.NODE_EXCLUDED, f"node {node.name} carries the label {EXCLUDED}")
    if node.network_unavailable:
        return Refusal(Reason.NODE_NETWORK_UNAVAILABLE, f"node {node.name} has the condition NetworkUnavailable")
    if host.data_plane in (DataPlane.STARTING, DataPlane.DOWN):
        return Refusal(Reason.DATA_PLANE_DOWN, f"node {node.name} does not forward traffic for Services: {host.why}")
    return None


def presences(
    service: Service, slices: tuple[EndpointSlice, ...], place: Place, pools: PoolIndex
) -> tuple[Presence, ...]:
    """Tell for each address that `service` holds what the node has for it."""
    node, found = place.node, []
    for address in service.held:
        pool = pools.find(address)
        level, weight, refusal = _level(service, slices, node, Family.of(address))
        if pool is None:
            message = f"{address} is in no pool in force: add it to an IPAddressPool to keep it"
            refusal = Refusal(Reason.ADDRESS_NOT_IN_POOL, message)
        else:
            refusal = pool.refusal(address) or place.refusal_of(address) or refusal
        refusal = place.refusal or refusal
        level = Level.NONE if refusal else level
        found.append(Presence(service, address, host_route(address), pool, level, refusal, weight))
    return tuple(found)


def _level(
    service: Service, slices: tuple[EndpointSlice, ...], node: Node, family: Family
) -> tuple[Level, int, Refusal | None]:
    counts = _count(slices, family, node.name if service.local_traffic else None)
    for readiness, level in ((Readiness.READY, Level.READY), (Readiness.DRAINING, Level.DRAINING)):
        if counts[readiness]:
            return level, counts[readiness] if service.local_traffic else 0, None
    where = f" on node {node.name}, and externalTrafficPolicy is Local" if service.local_traffic else ""
    kind = "IPv4" if family is Family.IPV4 else "IPv6"
    message = f"{service.key} has no ready {kind} endpoint{where}"
    return Level.NONE, 0, Refusal(Reason.NO_READY_ENDPOINTS, message)


def _count(slices: tuple[EndpointSlice, ...], family: Family, node: str | None) -> Mapping[Readiness, int]:
    """Count endpoints by readiness; one address in two slices is one endpoint, ready if either says so."""
    best: dict[str, Readiness] = {}
    for part in slices:
        if part.family is not family:
            continue
        for endpoint in part.endpoints:
            if node is not None and endpoint.node != node:
                continue
            if endpoint.readiness is Readiness.READY or endpoint.address not in best:
                best[endpoint.address] = endpoint.readiness
    values = list(best.values())
    return {readiness: values.count(readiness) for readiness in Readiness}
