"""Plans which addresses one node may announce on its LANs, and who else may: all nodes find the same. Pure.

Each address prefers the nodes that may announce it in an order of its own (rendezvous hashing), so that addresses are
spread, and a node that comes or goes moves few. Who announces is decided on the LAN (`exalb_l2`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from ipaddress import ip_interface
from typing import NamedTuple

from exalb.announcement.drain import DrainPolicy, drain_request
from exalb.announcement.eligibility import EndpointState, endpoint_state, node_refusal
from exalb.api.l2 import L2Report
from exalb.api.l2_advertisement import L2AdvertisementSpec
from exalb.api.reasons import ConditionType, Reason, Refusal
from exalb.api.schema import any_matches
from exalb.api.speaker import BGPSpeakerStatus, DrainState
from exalb.model.address_record import managed_addresses
from exalb.model.cluster import Cluster, Key, Service
from exalb.model.diff import changed_keys
from exalb.model.local_node import LocalNode
from exalb.validation.advertisements import selects_pool
from exalb.validation.pools import ActivePool, PoolIndex
from exalb.validation.rules import Rules
from exalb_bgp.rib import Address
from exalb_bgp.session import Family
from exalb_l2.goal import Interface, Wanted


class _Site(NamedTuple):
    """A node where L2 runs, and all that decides which addresses it may announce, but endpoints."""

    node: str
    selected_by: tuple[bool, ...]
    """For each L2Advertisement."""
    interfaces: tuple[Interface, ...]
    addresses: tuple[Address, ...]
    is_drained: bool
    is_forced: bool
    """Whether it announces nothing even if no other node can."""
    is_weak: bool
    """Whether it is not Ready or does not forward: others come first."""


@dataclass(frozen=True, slots=True)
class L2Address:
    """One address that some node should announce on its LAN."""

    services: tuple[Key, ...]
    candidates: tuple[str, ...] = ()
    """The nodes that may announce it; the first is the best."""
    interfaces: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The interfaces of each candidate that L2Advertisements name; empty for the one in the address's subnet."""
    refusal: Refusal | None = None
    """Why there is none."""


@dataclass(frozen=True, slots=True)
class L2Plan:
    """The addresses of a cluster that L2Advertisements select."""

    addresses: Mapping[Address, L2Address] = field(default_factory=dict)
    nodes: Mapping[str, tuple[Interface, ...]] = field(default_factory=dict)
    """The interfaces of each node where L2 runs."""


class L2Planner:
    """Plans for all nodes; remembers results for speed alone."""

    def __init__(self, policy: DrainPolicy) -> None:
        self._policy = policy
        self._forget()

    def _forget(self) -> None:
        self._context: tuple[object, ...] = ()
        self._sites: tuple[_Site, ...] = ()
        self._pools = PoolIndex(())
        self._last = Cluster()
        self._holders: dict[Address, dict[Key, Service]] = {}
        self._by_service: dict[Key, tuple[Address, ...]] = {}
        self._plan = L2Plan()

    def plan(self, cluster: Cluster, rules: Rules) -> L2Plan:
        """Return the plan for this snapshot; `rules` are those of `cluster`."""
        if not rules.l2_advertisements:
            if self._context:
                self._forget()
            return self._plan
        sites = tuple(_sites(cluster, rules, self._policy))
        context = rules, sites, cluster.scope
        if context != self._context:
            self._context, self._sites, self._pools = context, sites, PoolIndex(rules.pools)
            self._last, self._holders, self._by_service = Cluster(), {}, {}
            self._plan = L2Plan({}, {site.node: site.interfaces for site in sites})
        touched = self._touched(cluster)
        self._last = cluster
        if touched:
            addresses = dict(self._plan.addresses)
            for address in touched:
                addresses.pop(address, None)
                if planned := self._address(address, cluster, rules):
                    addresses[address] = planned
            self._plan = L2Plan(addresses, self._plan.nodes)
        return self._plan

    def _touched(self, cluster: Cluster) -> dict[Address, None]:
        """Return the addresses of Services that changed, themselves or their EndpointSlices."""
        last, touched = self._last, dict[Address, None]()
        keys = changed_keys(last.services, cluster.services) + changed_keys(last.slices, cluster.slices)
        for key in dict.fromkeys(keys):
            for address in self._by_service.pop(key, ()):
                del self._holders[address][key]
                touched[address] = None
            service = cluster.services.get(key)
            if service and service.held and cluster.is_ours(service):
                self._by_service[key] = managed_addresses(service)
                for address in self._by_service[key]:
                    self._holders.setdefault(address, {})[key] = service
                    touched[address] = None
        return touched

    def _address(self, address: Address, cluster: Cluster, rules: Rules) -> L2Address | None:
        """Plan one address; None where no L2Advertisement selects it."""
        pool = self._pools.find(address)
        if pool is None:
            return None
        holders = self._entitled(address, pool)
        selecting = [
            (index, item.spec)
            for index, item in enumerate(rules.l2_advertisements)
            if selects_pool(item.spec, pool.name, pool.labels)
            and any(any_matches(item.spec.service_selectors, service.labels) for service in holders.values())
        ]
        if not selecting:
            return None
        keys = tuple(sorted(holders))
        named = {site.node: _named(site, selecting) for site in self._sites}
        placed = [
            site
            for site in self._sites
            if (names := named[site.node]) is not None
            and Wanted((), names).places(address, site.interfaces)
            and address not in site.addresses
        ]
        if not placed:
            return L2Address(keys, refusal=_no_interface(address, named, bool(cluster.speakers)))
        states = self._states(address, holders.values(), cluster, placed)
        serving = [site for site in placed if states.get(site.node, EndpointState.NONE) is not EndpointState.NONE]
        if not serving:
            message = f"{keys[0]} has no ready {Family.of(address).label} endpoint that a node with L2 may serve"
            return L2Address(keys, refusal=Refusal(Reason.NO_READY_ENDPOINTS, message))
        kept = [site for site in serving if not site.is_drained] or [site for site in serving if not site.is_forced]
        if not kept:
            message = f"each node that could announce {address} is drained: {serving[0].node}"
            return L2Address(keys, refusal=Refusal(Reason.NODE_DRAINING, message))
        order = sorted(kept, key=lambda site: (-states[site.node], site.is_weak, rank(site.node, address)))
        names = tuple(site.node for site in order)
        return L2Address(keys, names, {name: named[name] or () for name in names})

    def _entitled(self, address: Address, pool: ActivePool) -> dict[Key, Service]:
        """Return the Services that have the address and may have it."""
        return {
            key: service
            for key, service in self._holders.get(address, {}).items()
            if not pool.refusal_to(service, address, None, is_held=True)
        }

    def _states(
        self, address: Address, services: Iterable[Service], cluster: Cluster, sites: list[_Site]
    ) -> dict[str, EndpointState]:
        """Return for each node the best endpoints that some Service has for the address there."""
        found: dict[str, EndpointState] = {}
        for service in services:
            slices = cluster.slices.get(service.key, ())
            at = {e.node for part in slices for e in part.endpoints} if service.local_traffic else None
            common: EndpointState | None = None
            for site in sites:
                if at is not None and site.node not in at:
                    continue
                if at is not None or common is None:
                    node = cluster.nodes[site.node]
                    common = endpoint_state(service, slices, node, Family.of(address))[0]
                found[site.node] = max(found.get(site.node, EndpointState.NONE), common)
        return found


def rank(node: str, address: Address) -> bytes:
    """Return what sorts the nodes for an address: the same on every node, another order for each address."""
    return blake2b(f"{node}|{address}".encode(), digest_size=8).digest()


def _sites(cluster: Cluster, rules: Rules, policy: DrainPolicy) -> Iterator[_Site]:
    """Yield the nodes where L2 runs and that may announce, in order of name."""
    for name, node in sorted(cluster.nodes.items()):
        report = cluster.speakers.get(name)
        l2 = report.observed.l2 if report else None
        if report is None or l2 is None or node_refusal(node, LocalNode(), cluster.scope):
            continue
        request = drain_request(node, policy)
        drain = report.observed.drain
        reported = drain is not None and drain.state is not DrainState.RETURNING
        selected = tuple(any_matches(item.spec.node_selectors, node.labels) for item in rules.l2_advertisements)
        yield _Site(
            name,
            selected,
            interfaces_of(l2),
            node.addresses,
            is_drained=request is not None or reported,
            is_forced=request is not None and request.forced,
            is_weak=not node.lifecycle.ready or _does_not_forward(report.observed),
        )


def _does_not_forward(observed: BGPSpeakerStatus) -> bool:
    type_ = ConditionType.DATA_PLANE_HEALTHY.value
    return any(condition.type == type_ and condition.status == "False" for condition in observed.conditions)


def interfaces_of(report: L2Report) -> tuple[Interface, ...]:
    """Return the interfaces that a node reports; one that cannot be read is none."""
    found = []
    for interface in report.interfaces:
        try:
            addresses = tuple(map(ip_interface, interface.addresses))
            found.append(Interface(interface.name, bytes.fromhex(interface.mac.replace(":", "")), addresses))
        except ValueError:
            continue
    return tuple(found)


def _named(site: _Site, selecting: list[tuple[int, L2AdvertisementSpec]]) -> tuple[str, ...] | None:
    """Return the interfaces that are named for a node; empty for that of the subnet, None where none selects it."""
    specs = [spec for index, spec in selecting if site.selected_by[index]]
    if not specs:
        return None
    if any(not spec.interfaces for spec in specs):
        return ()
    return tuple(sorted({name for spec in specs for name in spec.interfaces}))


def _no_interface(address: Address, named: Mapping[str, tuple[str, ...] | None], has_reports: bool) -> Refusal:
    if not has_reports:
        message = "there is no BGPSpeaker, which says where L2 runs and on which interfaces: a plan needs them, too"
        return Refusal(Reason.L2_NOT_RUNNING, message)
    if not named:
        message = "L2 runs on no node: set speaker.l2.enabled to true in the values of the chart"
        return Refusal(Reason.L2_NOT_RUNNING, message)
    if all(names is None for names in named.values()):
        message = f"no L2Advertisement selects a node for {address} where L2 runs: see its nodeSelectors"
        return Refusal(Reason.NO_INTERFACE, message)
    names = sorted({name for one in named.values() if one for name in one})
    where = f"interface {' or '.join(names)}" if names else f"an interface in a subnet with {address}"
    return Refusal(
        Reason.NO_INTERFACE,
        f"no node that may announce {address} has {where}, so no host would ask for it there",
    )
