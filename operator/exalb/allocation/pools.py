"""The active pools: their order of preference, the Services that they serve, and their addresses. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from exalb.api.address_ranges import AddressRange
from exalb.api.reasons import Reason, Refusal
from exalb.model.cluster import Key, Service
from exalb.validation.pools import ActivePool, PoolIndex, is_for
from exalb_bgp.rib import Address
from exalb_bgp.session import Family

VERSIONS = {Family.IPV4: 4, Family.IPV6: 6}


@dataclass(frozen=True, slots=True)
class AllocatingPool:
    """One pool and the questions that allocation asks of it."""

    pool: ActivePool
    families: frozenset[Family] = field(init=False, compare=False)
    """The families of its addresses: each choice asks for them."""

    def __post_init__(self) -> None:
        """Collect the families."""
        object.__setattr__(self, "families", frozenset(part.family for part in self.pool.merged))

    @property
    def name(self) -> str:
        """The name of the IPAddressPool."""
        return self.pool.name

    @property
    def order(self) -> tuple[int, bool, str]:
        """Sorts pools by preference: priority (0 and unset last), then those bound to some Services, then name."""
        bound = self.pool.spec.service_allocation
        priority = (bound.priority if bound else None) or 1 << 31
        is_bound = bool(bound and (bound.namespaces or bound.namespace_selectors or bound.service_selectors))
        return priority, not is_bound, self.name

    @property
    def selects_services(self) -> bool:
        """Whether it serves Services by their labels."""
        bound = self.pool.spec.service_allocation
        return bound is not None and bool(bound.service_selectors)

    def has_family(self, family: Family) -> bool:
        """Whether the pool has any address of `family`."""
        return family in self.families

    def ranges(self, family: Family) -> Iterator[AddressRange]:
        """Give the ranges of `family`, lowest first."""
        return (part for part in self.pool.assignable if part.family is family)

    def can_give(self, address: Address) -> bool:
        """Whether this address of the pool counts as one of its capacity."""
        return self.pool.refusal_to_all(address, is_held=False) is None

    def reserved_for(self, key: Key, family: Family) -> list[Address]:
        """Return the addresses reserved for the Service `key`: its own, then those of its namespace, lowest first."""
        mine = [
            (entry.service is None, int(address), address)
            for address, entry in self.pool.reserved.items()
            if address.version == VERSIONS[family] and is_for(entry, key)
        ]
        return [address for _, _, address in sorted(mine)]

    def own_reservations(self, key: Key) -> list[Address]:
        """Return the addresses reserved for just this Service."""
        return [address for address, entry in self.pool.reserved.items() if entry.service and is_for(entry, key)]

    def never_free(self) -> frozenset[int]:
        """Return, as numbers, the addresses that are never free: reserved, or of nodes and routers."""
        return frozenset(int(address) for address in (*self.pool.reserved, *self.pool.taken))

    def capacity(self, family: Family) -> int:
        """Count the addresses of `family` that the pool can assign at all; never enumerates them."""
        total = sum(_usable(part, avoid_buggy=self.pool.spec.avoid_buggy_ips) for part in self.ranges(family))
        return total - sum(
            1
            for address in self.pool.taken
            if not self.pool.is_buggy(address) and any(address in part for part in self.ranges(family))
        )


def _usable(part: AddressRange, *, avoid_buggy: bool) -> int:
    if not avoid_buggy or part.version == 6:
        return part.size
    zeros = part.last // 256 - (part.first - 1) // 256
    ones = (part.last + 1) // 256 - part.first // 256
    return part.size - zeros - ones


class PoolTable:
    """All active pools in order of preference, with an index by address."""

    def __init__(self, pools: tuple[ActivePool, ...], inactive: frozenset[str] = frozenset()) -> None:
        self.inactive = inactive
        """The names of the pools that are not active."""
        self.in_order = tuple(sorted((AllocatingPool(pool) for pool in pools), key=lambda pool: pool.order))
        self.by_name = {pool.name: pool for pool in self.in_order}
        self.reserved_for = {
            Key(entry.namespace, entry.service)
            for pool in self.in_order
            for entry in pool.pool.reserved.values()
            if entry.service
        }
        """Services for each of which an address is reserved."""
        self._index = PoolIndex(pools)

    def find(self, address: Address) -> AllocatingPool | None:
        """Return the pool that has `address`."""
        pool = self._index.find(address)
        return self.by_name[pool.name] if pool else None


def may_have(
    service: Service, address: Address, pool: AllocatingPool | None, namespace_labels: Mapping[str, str]
) -> Refusal | None:
    """Say why `service` may not have `address` of `pool`, whatever other Services there are; None if it may.

    The statement of a node keeps an address from new Services, and not from one that has it.
    """
    if pool is None:
        message = f"{address} is in no active IPAddressPool: add it to a pool, or request another address"
        return Refusal(Reason.ADDRESS_NOT_IN_POOL, message)
    return pool.pool.refusal_to(service, address, namespace_labels, is_held=address in service.held)
