"""Decides which IPAddressPools are active. Pure."""

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from exalb.api.address_ranges import AddressRange, address_order
from exalb.api.pool import IPAddressPoolSpec, Reservation
from exalb.api.reasons import Finding, Reason, Refusal
from exalb.api.schema import any_matches
from exalb.model.cluster import Key, Service
from exalb.validation.inputs import RuleInputs
from exalb.validation.reserved_addresses import AddressOwner, reserved_addresses, reserved_ranges
from exalb_bgp.rib import Address, Prefix


@dataclass(frozen=True, slots=True)
class ActivePool:
    """A pool that gives addresses."""

    name: str
    labels: Mapping[str, str]
    spec: IPAddressPoolSpec
    merged: tuple[AddressRange, ...]
    """The pool's addresses as the fewest ranges, without the ClusterIPs of the cluster."""
    taken: Mapping[Address, AddressOwner]
    """Addresses of the pool that nodes or routers have; they are never assigned."""
    assignable: tuple[AddressRange, ...]
    """`merged` without the addresses of pods."""
    of_pods: tuple[tuple[AddressRange, AddressOwner], ...] = ()
    """The ranges of pods that overlap the pool."""
    reserved: Mapping[Address, Reservation] = field(init=False, compare=False)
    """The reservations of addresses that the pool has."""

    def __post_init__(self) -> None:
        """Index the reservations by address."""
        entries = {ip_address(entry.address): entry for entry in self.spec.reservations}
        inside = {address: entry for address, entry in entries.items() if self.has(address)}
        object.__setattr__(self, "reserved", inside)

    def has(self, address: Address) -> bool:
        """Return whether `address` is in the pool."""
        return any(address in part for part in self.merged)

    def refusal(self, address: Address, *, is_held: bool) -> Refusal | None:
        """Return why no Service may have this address of the pool, or None; `is_held`: the Service has it already."""
        if not self.taken and not self.of_pods:
            return None  # as in most pools: a look into a table would hash the address, which is slow in Python
        owner = self.taken.get(address) or next((owner for part, owner in self.of_pods if address in part), None)
        if owner is None or (is_held and owner.is_claim):
            return None
        return Refusal(Reason.ADDRESS_IN_USE, f"{address} is {owner.text}")

    def admits(self, service: Service, namespace_labels: Mapping[str, str] | None) -> bool:
        """Whether the pool serves this Service: namespace condition and Service condition.

        Labels that are None are not known; then `namespaceSelectors` could match.
        """
        bound = self.spec.service_allocation
        if bound is None:
            return True
        if (bound.namespaces or bound.namespace_selectors) and service.key.namespace not in bound.namespaces:
            unknown = namespace_labels is None and bool(bound.namespace_selectors)
            matches = (selector.matches(namespace_labels or {}) for selector in bound.namespace_selectors)
            if not unknown and not any(matches):
                return False
        return any_matches(bound.service_selectors, service.labels)

    def is_buggy(self, address: Address) -> bool:
        """Whether the pool avoids this address because some equipment takes it for a network or broadcast address."""
        return self.spec.avoid_buggy_ips and address.version == 4 and int(address) & 255 in (0, 255)

    def refusal_to_all(self, address: Address, *, is_held: bool) -> Refusal | None:
        """Say why no Service may have this address of the pool; `is_held` is whether the Service has it already."""
        if self.is_buggy(address):
            return Refusal(Reason.ADDRESS_EXCLUDED, f"pool {self.name} avoids {address}: it ends in .0 or .255")
        return self.refusal(address, is_held=is_held)

    def refusal_to(
        self, service: Service, address: Address, namespace_labels: Mapping[str, str] | None, *, is_held: bool
    ) -> Refusal | None:
        """Say why `service` may not have this address of the pool, whatever other Services there are; None if it may.

        Speakers ask it, too, and do not know the labels of namespaces (None).
        """
        if not self.admits(service, namespace_labels):
            message = f"pool {self.name}, which has {address}, does not serve {service.key}: see its serviceAllocation"
            return Refusal(Reason.POOL_NOT_ALLOWED, message)
        refusal = self.refusal_to_all(address, is_held=is_held)
        if refusal:
            return refusal
        entry = self.reserved_for_other(address, service.key)
        return self.reservation_refusal(address, entry) if entry else None

    def reservation_refusal(self, address: Address, entry: Reservation) -> Refusal:
        """Say that the reservation `entry` keeps this address from other Services."""
        owner = f"{entry.namespace}/{entry.service}" if entry.service else f"namespace {entry.namespace}"
        return Refusal(Reason.ADDRESS_RESERVED, f"{address} of pool {self.name} is reserved for {owner}")

    def reserved_for_other(self, address: Address, key: Key) -> Reservation | None:
        """Return the reservation that keeps `address` from the Service `key`."""
        entry = self.reserved.get(address) if self.reserved else None
        return entry if entry and not is_for(entry, key) else None

    def covers(self, prefix: Prefix) -> bool:
        """Return whether every address of `prefix` is in the pool."""
        return any(part.covers(prefix) for part in self.merged)


def is_for(entry: Reservation, key: Key) -> bool:
    """Whether a reservation is for the Service `key`."""
    return entry.namespace == key.namespace and entry.service in (None, key.name)


class PoolIndex:
    """Finds the active pool that has an address."""

    def __init__(self, pools: Iterable[ActivePool]) -> None:
        parts = sorted(((part, pool) for pool in pools for part in pool.merged), key=lambda entry: entry[0].first)
        self._ranges = {version: [entry for entry in parts if entry[0].version == version] for version in (4, 6)}
        self._firsts = {version: [part.first for part, _ in entries] for version, entries in self._ranges.items()}

    def find(self, address: Address) -> ActivePool | None:
        """Return the pool that has `address`."""
        version, number = address.version, int(address)
        index = bisect_right(self._firsts[version], number) - 1
        if index < 0:
            return None
        part, pool = self._ranges[version][index]
        return pool if number <= part.last else None


def active_pools(inputs: RuleInputs) -> tuple[tuple[ActivePool, ...], list[Finding]]:
    """Return the active pools in order of name, and what is wrong with them and the others."""
    taken_ranges: list[tuple[AddressRange, str]] = []
    active: list[ActivePool] = []
    findings: list[Finding] = []
    reserved = reserved_addresses(inputs.nodes, inputs.peers, inputs.gateways)
    ranges = reserved_ranges(inputs.nodes)
    for pool in sorted(inputs.pools.values(), key=lambda pool: pool.age):
        if pool.spec is None:
            continue
        overlap = next(filter(None, (_overlap(part, taken_ranges) for part in pool.spec.ranges)), None)
        if overlap:
            message = f"{overlap[0]} overlaps {overlap[1]} of the older IPAddressPool {overlap[2]}: remove it from one"
            findings.append(Finding("IPAddressPool", pool.name, "spec.addresses", Reason.POOL_OVERLAP, message))
            continue
        for part in pool.spec.ranges:
            insort(taken_ranges, (part, pool.name))
        merged, cluster_ip_findings = _without_cluster_ips(pool.name, merge(pool.spec.ranges), inputs)
        taken = {address: owner for address, owner in reserved.items() if any(address in part for part in merged)}
        of_pods = tuple(entry for entry in ranges if any(entry[0].overlaps(part) for part in merged))
        assignable = _without(merged, [part for part, _ in of_pods])
        active.append(ActivePool(pool.name, pool.labels, pool.spec, merged, taken, assignable, of_pods))
        findings += [*cluster_ip_findings, *_warnings(active[-1])]
    return tuple(sorted(active, key=lambda pool: pool.name)), findings


def _without_cluster_ips(
    pool: str, ranges: tuple[AddressRange, ...], inputs: RuleInputs
) -> tuple[tuple[AddressRange, ...], list[Finding]]:
    """Take the ranges of ClusterIPs out of the ranges of a pool; return the rest, and a finding for each overlap."""
    findings: list[Finding] = []
    for service_range in sorted(inputs.service_ranges.values(), key=lambda item: item.name):
        for part in service_range.ranges:
            if any(part.overlaps(pool_range) for pool_range in ranges):
                ranges = _without(ranges, [part])
                message = (
                    f"contains {part}, the ClusterIPs of ServiceCIDR {service_range.name}: no Service is assigned these"
                    " addresses; remove them from the pool"
                )
                findings.append(
                    Finding("IPAddressPool", pool, "spec.addresses", Reason.POOL_CONTAINS_CLUSTER_IPS, message)
                )
    return ranges, findings


def _without(ranges: tuple[AddressRange, ...], parts: Iterable[AddressRange]) -> tuple[AddressRange, ...]:
    for part in parts:
        ranges = tuple(rest for pool_range in ranges for rest in pool_range.without(part))
    return ranges


def never_given(pool: ActivePool, reason: Reason) -> Iterator[Finding]:
    """Yield the addresses of a pool that it does not give for this reason, each with whose it is."""
    for address, owner in sorted(pool.taken.items(), key=lambda item: address_order(item[0])):
        if owner.reason is reason:
            message = f"{address} is {owner.text}: no Service ever gets it; leave it out of the pool"
            yield Finding("IPAddressPool", pool.name, "spec.addresses", reason, message)


def _warnings(pool: ActivePool) -> Iterator[Finding]:
    """Yield findings about a pool that is active nevertheless."""
    yield from never_given(pool, Reason.POOL_CONTAINS_NODE_ADDRESS)
    if pool.of_pods:
        more = f" and {len(pool.of_pods) - 1} more such ranges" if len(pool.of_pods) > 1 else ""
        message = (
            f"contains addresses {pool.of_pods[0][1].text}{more}: no Service is assigned these addresses; remove them"
            " from the pool"
        )
        yield Finding("IPAddressPool", pool.name, "spec.addresses", Reason.POOL_CONTAINS_POD_ADDRESSES, message)
    for index, reservation in enumerate(pool.spec.reservations):
        if not pool.has(ip_address(reservation.address)):
            message = f"{reservation.address} is not an address of the pool: reserve it where it is, or add it here"
            field = f"spec.reservations[{index}].address"
            yield Finding("IPAddressPool", pool.name, field, Reason.RESERVATION_OUTSIDE, message)


def _overlap(part: AddressRange, standing: list[tuple[AddressRange, str]]) -> tuple[str, str, str] | None:
    """Return the range, the earlier one that it overlaps and that one's pool; `standing` is sorted and disjoint."""
    index = bisect_right(standing, (part.version, part.last), key=lambda entry: (entry[0].version, entry[0].first))
    if index and standing[index - 1][0].overlaps(part):
        earlier, name = standing[index - 1]
        return str(part), str(earlier), name
    return None


def merge(ranges: Iterable[AddressRange]) -> tuple[AddressRange, ...]:
    """Return the same addresses as the fewest ranges, in order."""
    merged: list[AddressRange] = []
    for part in sorted(ranges):
        if merged and merged[-1].version == part.version and part.first <= merged[-1].last + 1:
            merged[-1] = AddressRange(part.version, merged[-1].first, max(part.last, merged[-1].last))
        else:
            merged.append(part)
    return tuple(merged)
