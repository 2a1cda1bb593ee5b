"""The pools in force as allocation sees them: in order of preference, with whom they admit and what they hold. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from exalb.addresses import AddressRange
from exalb.cluster import Key, Service
from exalb.resources.common import any_matches
from exalb.resources.pool import Reservation
from exalb.validity import PoolIndex, PoolInForce
from exalb_bgp.rib import Address
from exalb_bgp.session import Family

VERSIONS = {Family.IPV4: 4, Family.IPV6: 6}


@dataclass(frozen=True, slots=True)
class AllocatingPool:
    """One pool and the questions that allocation asks of it."""

    pool: PoolInForce
    reserved: Mapping[Address, Reservation] = field(init=False)

    def __post_init__(self) -> None:
        """Index the reservations by address."""
        reserved = {ip_address(entry.address): entry for entry in self.pool.spec.reservations}
        inside = {address: entry for address, entry in reserved.items() if self.pool.has(address)}
        object.__setattr__(self, "reserved", inside)

    @property
    def name(self) -> str:
        """The name of the IPAddressPool."""
        return self.pool.name

    @property
    def order(self) -> tuple[int, bool, str]:
        """Sorts pools by preference: priority (0 and unset last), then those bound to somebody, then name."""
        bound = self.pool.spec.service_allocation
        priority = (bound.priority if bound else None) or 1 << 31
        is_bound = bool(bound and (bound.namespaces or bound.namespace_selectors or bound.service_selectors))
        return priority, not is_bound, self.name

    def admits(self, service: Service, namespace_labels: Mapping[str, str]) -> bool:
        """Tell whether the pool serves this Service: namespace condition and Service condition."""
        bound = self.pool.spec.service_allocation
        if bound is None:
            return True
        if (bound.namespaces or bound.namespace_selectors) and not (
            service.key.namespace in bound.namespaces
            or any(selector.matches(namespace_labels) for selector in bound.namespace_selectors)
        ):
            return False
        return any_matches(bound.service_selectors, service.labels)

    @property
    def selects_services(self) -> bool:
        """Whether it serves Services by their labels."""
        bound = self.pool.spec.service_allocation
        return bound is not None and bool(bound.service_selectors)

    def has_family(self, family: Family) -> bool:
        """Tell whether the pool has any address of `family`."""
        return any(part.family is family for part in self.pool.merged)

    def ranges(self, family: Family) -> Iterator[AddressRange]:
        """Give the ranges of `family`, lowest first."""
        return (part for part in self.pool.merged if part.family is family)

    def is_buggy(self, address: Address) -> bool:
        """Tell whether the pool avoids this address because some equipment mistakes it for a network or broadcast."""
        return self.pool.spec.avoid_buggy_ips and address.version == 4 and int(address) & 255 in (0, 255)

    def can_give(self, address: Address) -> bool:
        """Tell whether this address of the pool counts as one of its capacity."""
        return not self.is_buggy(address) and address not in self.pool.taken

    def reserved_for_other(self, address: Address, key: Key) -> Reservation | None:
        """Return the reservation that keeps `address` from the Service `key`."""
        entry = self.reserved.get(address)
        return entry if entry and not _is_for(entry, key) else None

    def reserved_for(self, key: Key, family: Family) -> list[Address]:
        """Return the addresses held for the Service `key`: its own first, then those of its namespace, lowest first."""
        mine = [
            (entry.service is None, int(address), address)
            for address, entry in self.reserved.items()
            if address.version == VERSIONS[family] and _is_for(entry, key)
        ]
        return [address for _, _, address in sorted(mine)]

    def own_reservations(self, key: Key) -> list[Address]:
        """Return the addresses held for just this Service."""
        return [address for address, entry in self.reserved.items() if entry.service and _is_for(entry, key)]

    def never_free(self) -> frozenset[int]:
        """Return, as numbers, the addresses that are not for everybody: reserved, or a node's or a router's."""
        return frozenset(int(address) for address in (*self.reserved, *self.pool.taken))

    def capacity(self, family: Family) -> int:
        """Count the addresses of `family` that the pool can give at all; never enumerates them."""
        total = sum(_usable(part, avoid_buggy=self.pool.spec.avoid_buggy_ips) for part in self.ranges(family))
        return total - sum(
            1 for address in self.pool.taken if address.version == VERSIONS[family] and not self.is_buggy(address)
        )


def _is_for(entry: Reservation, key: Key) -> bool:
    return entry.namespace == key.namespace and entry.service in (None, key.name)


def _usable(part: AddressRange, *, avoid_buggy: bool) -> int:
    if not avoid_buggy or part.version == 6:
        return part.size
    zeros = part.last // 256 - (part.first - 1) // 256
    ones = (part.last + 1) // 256 - part.first // 256
    return part.size - zeros - ones


class PoolTable:
    """All pools in force, in order of preference, and which of them has an address."""

    def __init__(self, pools: tuple[PoolInForce, ...], aside: frozenset[str] = frozenset()) -> None:
        self.aside = aside
        """The names of pools that are there and out of force."""
        self.in_order = tuple(sorted((AllocatingPool(pool) for pool in pools), key=lambda pool: pool.order))
        self.by_name = {pool.name: pool for pool in self.in_order}
        self.reserved_for = {
            Key(entry.namespace, entry.service)
            for pool in self.in_order
            for entry in pool.reserved.values()
            if entry.service
        }
        """Services for each of which an address is held."""
        self._index = PoolIndex(pools)

    def find(self, address: Address) -> AllocatingPool | None:
        """Return the pool that has `address`."""
        pool = self._index.find(address)
        return self.by_name[pool.name] if pool else None
