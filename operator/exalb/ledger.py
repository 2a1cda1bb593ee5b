"""Who holds which address: the claims that stand in `Service.status`, and which of them are lawful. Pure.

The ledger is worked out from the Services alone and can be thrown away at any moment. Whether one address may be kept
depends only on the Services that claim it, so a change touches only the addresses concerned.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from exalb.cluster import Key, Service
from exalb.pools import AllocatingPool, PoolTable
from exalb.reasons import PassingRefusal, Reason, Refusal
from exalb.sharing import ShareIndex, sharing_refusal
from exalb_bgp.rib import Address


def may_have(
    service: Service, address: Address, pool: AllocatingPool | None, namespace_labels: Mapping[str, str]
) -> Refusal | None:
    """Tell why `service` may not have `address`, whoever else there is, or None where it may."""
    if pool is None:
        message = f"{address} is in no pool in force: add it to an IPAddressPool, or ask for another"
        return Refusal(Reason.ADDRESS_NOT_IN_POOL, message)
    if not pool.admits(service, namespace_labels):
        return Refusal(Reason.POOL_NOT_ALLOWED, f"pool {pool.name}, which has {address}, does not serve {service.key}")
    if pool.is_buggy(address):
        return Refusal(Reason.ADDRESS_EXCLUDED, f"pool {pool.name} avoids {address}: it ends in .0 or .255")
    taken = pool.pool.refusal(address)
    if taken:
        return taken
    entry = pool.reserved_for_other(address, service.key)
    if entry:
        whom = f"{entry.namespace}/{entry.service}" if entry.service else f"namespace {entry.namespace}"
        return Refusal(Reason.ADDRESS_RESERVED, f"{address} of pool {pool.name} is reserved for {whom}")
    return None


class Ledger:
    """Claims, and what follows from them: who keeps what, and how full each pool is."""

    def __init__(self, pools: PoolTable) -> None:
        self.pools = pools
        self.kept: dict[Address, tuple[Service, ...]] = {}
        self.lost: dict[tuple[Key, Address], Refusal] = {}
        """Why a claim is not lawful."""
        self._blocked: dict[Address, dict[Key, Service]] = {}
        self.shares = ShareIndex()
        self._claims: dict[Address, dict[Key, tuple[Service, Refusal | None]]] = {}
        self._used: dict[tuple[str, int], set[int]] = {}
        self._of_namespace: dict[tuple[str, str], Counter[Address]] = {}

    def claim(self, service: Service, address: Address, refusal: Refusal | None) -> None:
        """Enter what stands in the status of `service`; `refusal` says why it may not have it in any case."""
        self._claims.setdefault(address, {})[service.key] = (service, refusal)
        self._mark(address)

    def unclaim(self, key: Key, address: Address) -> None:
        """Strike out a claim."""
        claims = self._claims[address]
        del claims[key]
        if not claims:
            del self._claims[address]
        self.lost.pop((key, address), None)
        self._mark(address)

    def settle(self, addresses: Iterable[Address]) -> set[Key]:
        """Work out anew who keeps each of `addresses`: the older first. Return the Services concerned."""
        concerned: set[Key] = set()
        for address in addresses:
            for service in self.kept.get(address, ()):
                self.remove(service, address)
            claimants = sorted(self._claims.get(address, {}).values(), key=lambda claim: claim[0].age)
            for service, refusal in claimants:
                concerned.add(service.key)
                found = refusal or self.refusal(service, address)
                if found:
                    self.lost[service.key, address] = found
                else:
                    self.lost.pop((service.key, address), None)
                    self.add(service, address)
        return concerned

    def refusal(self, service: Service, address: Address) -> Refusal | None:
        """Tell why `service` cannot join those that have `address`, or None where it can.

        Who has the address in its status already gives way to older ones only. Anybody else waits also for those that
        are about to give it back, so that it never stands in two statuses; sharers it may join, for they stand there.
        """
        claims = self._claims.get(address, {})
        stranger = min(self._blocked.get(address, {}).values(), key=lambda other: other.age, default=None)
        if stranger and (service.key not in claims or stranger.age < service.age):
            return Refusal(Reason.ADDRESS_IN_USE, f"{address} is held by {stranger.key}, which is not ours")
        for holder in self.kept.get(address, ()):
            if holder.key != service.key:
                found = sharing_refusal(service, holder, address)
                if found:
                    return found
        if service.key in claims:
            return None
        for leaving, (other, _) in sorted(claims.items()):
            if (leaving, address) in self.lost and (
                not self.kept.get(address) or sharing_refusal(service, other, address)
            ):
                message = f"{address} is still in the status of {leaving}, which loses it"
                return PassingRefusal(Reason.ADDRESS_IN_USE, message)
        return None

    def block(self, service: Service, address: Address) -> None:
        """Enter that a Service that is not ours (any more) has `address`, so that nobody else gets it."""
        self._blocked.setdefault(address, {})[service.key] = service
        self._mark(address)

    def unblock(self, key: Key, address: Address) -> None:
        """Enter that it has gone from that Service."""
        del self._blocked[address][key]
        if not self._blocked[address]:
            del self._blocked[address]
        self._mark(address)

    def add(self, service: Service, address: Address) -> None:
        """Enter that `service` has `address`."""
        self.kept[address] = (*self.kept.get(address, ()), service)
        self._mark(address)
        self._count(service, address, 1)

    def remove(self, service: Service, address: Address) -> None:
        """Enter that `service` no longer has `address`."""
        rest = tuple(holder for holder in self.kept[address] if holder.key != service.key)
        if rest:
            self.kept[address] = rest
        else:
            del self.kept[address]
        self._mark(address)
        self._count(service, address, -1)

    def _mark(self, address: Address) -> None:
        pool = self.pools.find(address)
        if pool:
            numbers = self._used.setdefault((pool.name, address.version), set())
            is_used = address in self.kept or address in self._blocked or address in self._claims
            is_used = is_used and pool.can_give(address)
            (numbers.add if is_used else numbers.discard)(int(address))

    def _count(self, service: Service, address: Address, change: int) -> None:
        (self.shares.add if change > 0 else self.shares.remove)(service, address)
        pool = self.pools.find(address)
        if pool:
            has = self._of_namespace.setdefault((pool.name, service.key.namespace), Counter())
            has[address] += change
            if not has[address]:
                del has[address]

    def used(self, pool: AllocatingPool, version: int) -> set[int]:
        """Return the addresses that somebody has of those that `pool` can give, as numbers."""
        return self._used.get((pool.name, version), set())

    def has_of_namespace(self, pool: AllocatingPool, namespace: str) -> Mapping[Address, int]:
        """Return the addresses of `pool` that `namespace` has."""
        return self._of_namespace.get((pool.name, namespace), Counter())
