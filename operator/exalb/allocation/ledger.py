"""The claims to each address, from the status of the Services, and which of them are valid. Pure.

The ledger is computed from the Services alone and can be discarded at any time. Whether an address may be kept depends
only on the Services that claim it, so a change affects only the addresses of the changed Service.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

from exalb.allocation.holders import Holders
from exalb.allocation.ownership import Standing
from exalb.allocation.pools import AllocatingPool, PoolTable
from exalb.allocation.sharing import ShareIndex
from exalb.allocation.used_numbers import UsedNumbers
from exalb.api.reasons import Reason, Refusal, TransientRefusal
from exalb.model.cluster import Key, Service
from exalb_bgp.rib import Address

Value = TypeVar("Value")


class Claim(NamedTuple):
    """A Service that has an address in its status."""

    service: Service
    standing: Standing
    refusal: Refusal | None
    """Why the Service may not have it, whatever other Services there are."""

    @property
    def order(self) -> tuple[Standing, tuple[str, Key]]:
        """Sorts claims by who keeps the address: what ExaLB agreed to goes first, then the older Service."""
        return self.standing, self.service.age


class Ledger:
    """The claims, who keeps each address, and how full each pool is."""

    def __init__(self, pools: PoolTable) -> None:
        self.pools = pools
        self.lost: dict[tuple[Key, Address], Refusal] = {}
        """Why a claim is not valid."""
        self.shares = ShareIndex()
        self._holders: dict[Address, Holders] = {}
        self._claims: dict[Address, dict[Key, Claim]] = {}
        self._losing: dict[Address, set[Key]] = {}
        self._blocked: dict[Address, dict[Key, Service]] = {}
        """Services that ExaLB does not manage and that have the address in their status."""
        self._occupied: dict[Address, dict[Key, str]] = {}
        """Services that use the address in their spec, and the field."""
        self._users = (self._holders, self._claims, self._blocked, self._occupied)
        """An address in any of these is not free."""
        self.touched: set[Address] = set()
        """The addresses about which anything changed; the allocator empties it after each round."""
        self.touched_quotas: set[str] = set()
        """The namespaces whose number of addresses changed in a pool with a quota."""
        self._used: defaultdict[tuple[str, int], UsedNumbers] = defaultdict(UsedNumbers)
        self._of_namespace: dict[tuple[str, str], Counter[Address]] = {}

    def claim(self, address: Address, pool: AllocatingPool | None, claim: Claim) -> None:
        """Enter a claim to an address of `pool`; `settle` decides on it."""
        self._claims.setdefault(address, {})[claim.service.key] = claim
        self._use(address, pool)

    def unclaim(self, key: Key, address: Address) -> None:
        """Remove a claim, and the Service from the holders of the address."""
        self._set_lost(key, address, None)
        _discard(self._claims, address, key)
        if key in self.holders(address):
            self.remove(key, address)
        self._release(address, self.pools.find(address))

    def settle(self, address: Address, changed: Iterable[Key]) -> set[Key]:
        """Decide who keeps `address`, given whose claims changed. Return the Services of which that may have changed.

        As long as every claim is valid, or the last in order is not, only the changed ones have to be looked at.
        """
        claims = self._claims.get(address, {})
        if not self._losing.get(address) and address not in self._blocked:
            fresh = sorted((claims[key] for key in changed if key in claims), key=lambda claim: claim.order)
            if all(self._admit(claim, address) or _is_last(claim, claims) for claim in fresh):
                return {claim.service.key for claim in fresh}
        for key in list(self.holders(address)):
            self.remove(key, address)
        for claim in sorted(claims.values(), key=lambda claim: claim.order):
            self._admit(claim, address)
        return set(claims)

    def _admit(self, claim: Claim, address: Address) -> bool:
        refusal = claim.refusal or self._refusal_of_strangers(claim, address)
        if refusal is None and address in self._holders:
            refusal = self._holders[address].refusal(claim.service)
        self._set_lost(claim.service.key, address, refusal)
        if refusal is None:
            self._hold(claim.service, address, self.pools.find(address))
        return refusal is None

    def _set_lost(self, key: Key, address: Address, refusal: Refusal | None) -> None:
        if refusal:
            self.lost[key, address] = refusal
            self._losing.setdefault(address, set()).add(key)
        elif self.lost.pop((key, address), None):
            self._losing[address].discard(key)
            if not self._losing[address]:
                del self._losing[address]

    def _refusal_of_strangers(self, claim: Claim, address: Address) -> Refusal | None:
        """Give an address that ExaLB did not assign to the older of two Services."""
        stranger = self._stranger(address) if claim.standing is Standing.UNRECORDED else None
        return _not_managed(address, stranger) if stranger and stranger.age < claim.service.age else None

    def _stranger(self, address: Address) -> Service | None:
        blocked = self._blocked.get(address)
        return min(blocked.values(), key=lambda other: other.age) if blocked else None

    def refusal(self, service: Service, address: Address) -> Refusal | None:
        """Say why `service`, which does not have `address`, cannot have it or join its holders; None if it can.

        It also waits until a Service that loses the address has released it, unless the two may share it: an address is
        never in the status of two Services that may not share it.
        """
        stranger = self._stranger(address)
        if stranger:
            return _not_managed(address, stranger)
        user = min((key for key in self._occupied.get(address, ()) if key != service.key), default=None)
        if user:
            message = f"{address} is in {self._occupied[address][user]} of Service {user}: request another address"
            return Refusal(Reason.ADDRESS_IN_USE, message)
        holders = self._holders.get(address)
        refusal = holders.refusal(service) if holders else None
        return refusal or self._refusal_of_losers(service, address, has_holders=bool(holders))

    def _refusal_of_losers(self, service: Service, address: Address, *, has_holders: bool) -> Refusal | None:
        for key in sorted(self._losing.get(address, set()) - {service.key}):
            alone = self._new_holders(address, self.pools.find(address))
            alone.add(self._claims[address][key].service)
            if not has_holders or alone.refusal(service):
                message = f"{address} is being released by Service {key}: retrying when its status is updated"
                return TransientRefusal(Reason.ADDRESS_IN_USE, message)
        return None

    def block(self, service: Service, address: Address) -> None:
        """Enter that a Service that ExaLB does not manage has `address`, so that no other Service gets it."""
        self._blocked.setdefault(address, {})[service.key] = service
        self._use(address, self.pools.find(address))

    def unblock(self, key: Key, address: Address) -> None:
        """Enter that the Service no longer has it."""
        _discard(self._blocked, address, key)
        self._release(address, self.pools.find(address))

    def occupy(self, key: Key, address: Address, field: str) -> None:
        """Enter that a field of a Service has `address`: no other Service gets it, and no Service loses it."""
        self._occupied.setdefault(address, {})[key] = field
        self._use(address, self.pools.find(address))

    def vacate(self, key: Key, address: Address) -> None:
        """Enter that the field no longer has it."""
        _discard(self._occupied, address, key)
        self._release(address, self.pools.find(address))

    def holders(self, address: Address) -> Mapping[Key, Service]:
        """Return the Services that have `address`."""
        holders = self._holders.get(address)
        return holders.services if holders else {}

    def _new_holders(self, address: Address, pool: AllocatingPool | None) -> Holders:
        across = pool is not None and pool.pool.spec.allow_cross_namespace_sharing
        return Holders(address, pool.name if pool else "", across_namespaces=across)

    def add(self, service: Service, address: Address) -> None:
        """Enter that `service` has `address`."""
        pool = self.pools.find(address)
        self._use(address, pool)
        self._hold(service, address, pool)

    def _hold(self, service: Service, address: Address, pool: AllocatingPool | None) -> None:
        """Enter that `service` is a holder of `address`, which is in use already: by a claim, or by this choice."""
        holders = self._holders.get(address)
        if holders is None:
            holders = self._holders[address] = self._new_holders(address, pool)
        holders.add(service)
        self.shares.add(service, address)
        self._count(service, address, pool, 1)

    def remove(self, key: Key, address: Address) -> None:
        """Enter that the Service no longer has `address`."""
        holders = self._holders[address]
        service, pool = holders.remove(key), self.pools.find(address)
        if not holders.services:
            del self._holders[address]
        self.shares.remove(service, address)
        self._release(address, pool)
        self._count(service, address, pool, -1)

    def _use(self, address: Address, pool: AllocatingPool | None) -> None:
        """Enter that an address of `pool` has a user."""
        self.touched.add(address)
        if pool:
            used, number = self.used(pool, address.version), int(address)
            if number not in used.numbers and pool.can_give(address):
                used.add(number)

    def _release(self, address: Address, pool: AllocatingPool | None) -> None:
        """Enter that an address of `pool` has one user less."""
        self.touched.add(address)
        if pool and not any(address in table for table in self._users):
            self.used(pool, address.version).discard(int(address))

    def _count(self, service: Service, address: Address, pool: AllocatingPool | None, change: int) -> None:
        if pool and pool.pool.spec.quota_per_namespace is not None:
            namespace = service.key.namespace
            has = self._of_namespace.setdefault((pool.name, namespace), Counter())
            self.touched_quotas.add(namespace)
            has[address] += change
            if not has[address]:
                del has[address]

    def used(self, pool: AllocatingPool, version: int) -> UsedNumbers:
        """Return the addresses in use of those that `pool` can give."""
        return self._used[pool.name, version]

    def has_of_namespace(self, pool: AllocatingPool, namespace: str) -> Mapping[Address, int]:
        """Return the addresses of a pool with a quota that a namespace has, each with its number of Services there."""
        return self._of_namespace.get((pool.name, namespace), Counter())


def _discard(table: dict[Address, dict[Key, Value]], address: Address, key: Key) -> None:
    del table[address][key]
    if not table[address]:
        del table[address]


def _is_last(claim: Claim, claims: Mapping[Key, Claim]) -> bool:
    return all(other.order <= claim.order for other in claims.values())


def _not_managed(address: Address, stranger: Service) -> Refusal:
    message = f"{address} is in use by Service {stranger.key}, which ExaLB does not manage"
    return Refusal(Reason.ADDRESS_IN_USE, message)
