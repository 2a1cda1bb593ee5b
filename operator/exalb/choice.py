"""Choosing an address for a Service that has not what it needs: explicit, from a named pool, or automatic. Pure.

A Service that cannot have what it asks for keeps what it lawfully holds, and is told why.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from exalb.addresses import family_of, make_address
from exalb.cluster import IPFamilyPolicy, Service
from exalb.ledger import Ledger, may_have
from exalb.pools import VERSIONS, AllocatingPool, PoolTable
from exalb.reasons import Reason, Refusal
from exalb_bgp.rib import Address
from exalb_bgp.session import Family


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one Service gets."""

    addresses: tuple[Address, ...]
    """In the order of the Service's families."""
    pool: str | None
    """The pool of the first address."""
    refusal: Refusal | None = None
    """Why it is not what was asked for."""
    lost: tuple[tuple[Address, Refusal], ...] = ()
    """Addresses that the Service held and may not keep, and why."""


Found: TypeAlias = tuple[Address, ...] | Refusal

_TELLING = (
    Reason.POOL_EXHAUSTED,
    Reason.QUOTA_EXCEEDED,
    Reason.POOL_DISABLED,
    Reason.FAMILY_NOT_AVAILABLE,
    Reason.NO_MATCHING_POOL,
)
"""Of several pools that refuse, the first of these reasons tells most."""


def is_content(service: Service, kept: tuple[Address, ...], pools: PoolTable) -> bool:
    """Tell whether `kept` is all that the Service asks for, so that nothing has to be chosen."""
    request = service.request
    if request.problem or len(kept) != len(service.families):
        return False
    if request.addresses and set(request.addresses) != set(kept):
        return False
    return request.pool is None or all((pool := pools.find(one)) and pool.name == request.pool for one in kept)


class Chooser:
    """Chooses for one Service after the other against one ledger; what it gives is entered at once."""

    def __init__(self, ledger: Ledger, namespace_labels: Callable[[str], Mapping[str, str]]) -> None:
        self._ledger = ledger
        self._pools = ledger.pools
        self._labels = namespace_labels
        self._lowest: dict[tuple[str, Family], int] = {}
        self._never_free = {pool.name: pool.never_free() for pool in self._pools.in_order}

    def choose(self, service: Service, kept: tuple[Address, ...]) -> Found:
        """Return the addresses that `service` shall have, or why it has no more than `kept`."""
        request = service.request
        if request.problem:
            return request.problem
        if request.addresses:
            return self._explicit(service, kept)
        if request.pool:
            return self._named(service, request.pool, kept)
        return self._automatic(service, kept)

    def _explicit(self, service: Service, kept: tuple[Address, ...]) -> Found:
        wanted = service.request.addresses
        if {family_of(address) for address in wanted} != set(service.families):
            families = " and ".join(_text(family) for family in service.families)
            message = f"{service.key} is {families}, but asks for {_list(wanted)}: ask for one address per family"
            return Refusal(Reason.CONTRADICTORY_REQUEST, message)
        for address in wanted:
            pool = self._pools.find(address)
            if service.request.pool and pool and pool.name != service.request.pool:
                message = f"{service.key} asks for pool {service.request.pool} and for {address} of pool {pool.name}"
                return Refusal(Reason.CONTRADICTORY_REQUEST, message)
            refusal = None if address in kept else self._obtainable(service, address, pool, kept)
            if refusal:
                return refusal
        return wanted

    def _obtainable(
        self, service: Service, address: Address, pool: AllocatingPool | None, kept: tuple[Address, ...]
    ) -> Refusal | None:
        refusal = may_have(service, address, pool, self._labels(service.key.namespace))
        refusal = refusal or self._ledger.refusal(service, address)
        if refusal or pool is None:
            return refusal
        if pool.pool.spec.disabled:
            return _disabled(pool)
        return self._over_quota(service, address, pool, kept)

    def _over_quota(
        self, service: Service, address: Address | None, pool: AllocatingPool, kept: tuple[Address, ...]
    ) -> Refusal | None:
        quota = pool.pool.spec.quota_per_namespace
        if quota is None:
            return None
        has = self._ledger.has_of_namespace(pool, service.key.namespace)
        others = sum(1 for one, count in has.items() if count > 1 or one not in kept)
        if address in has or others < quota:
            return None
        message = f"namespace {service.key.namespace} has the {quota} addresses of pool {pool.name} that it may have"
        return Refusal(Reason.QUOTA_EXCEEDED, message)

    def _named(self, service: Service, name: str, kept: tuple[Address, ...]) -> Found:
        pool = self._pools.by_name.get(name)
        if pool is None:
            return Refusal(Reason.POOL_NOT_FOUND, f"there is no IPAddressPool {name} in force")
        if not pool.admits(service, self._labels(service.key.namespace)):
            return Refusal(Reason.POOL_NOT_ALLOWED, f"pool {name} does not serve {service.key}")
        inside = tuple(address for address in kept if self._pools.find(address) is pool)
        found = self._from_pool(service, pool, service.families, inside)
        if isinstance(found, Refusal) and service.policy is IPFamilyPolicy.PREFER_DUAL_STACK:
            return inside or self._first(self._from_pool(service, pool, (family,)) for family in service.families)
        return found

    def _automatic(self, service: Service, kept: tuple[Address, ...]) -> Found:
        home = self._pools.find(kept[0]) if kept else None
        if home:
            completed = self._from_pool(service, home, service.families, kept)
            if not isinstance(completed, Refusal):
                return completed
            if service.policy is IPFamilyPolicy.PREFER_DUAL_STACK:
                return kept
        candidates = self._candidates(service)
        found = self._first(self._from_pool(service, pool, service.families) for pool in candidates)
        if isinstance(found, Refusal) and service.policy is IPFamilyPolicy.PREFER_DUAL_STACK:
            return self._first(
                self._from_pool(service, pool, (family,)) for family in service.families for pool in candidates
            )
        if isinstance(found, Refusal) and not candidates:
            return self._nobody(service)
        return found

    def _candidates(self, service: Service) -> list[AllocatingPool]:
        labels = self._labels(service.key.namespace)
        admitting = [pool for pool in self._pools.in_order if pool.admits(service, labels)]
        reserved = [pool for pool in admitting if pool.has_reservation(service.key)]
        return reserved + [pool for pool in admitting if pool.pool.spec.auto_assign and pool not in reserved]

    def _nobody(self, service: Service) -> Refusal:
        if not self._pools.in_order:
            return Refusal(Reason.NO_MATCHING_POOL, "there is no IPAddressPool in force")
        names = ", ".join(pool.name for pool in self._pools.in_order)
        message = f"no pool gives addresses to {service.key} by itself: see autoAssign and serviceAllocation of {names}"
        return Refusal(Reason.NO_MATCHING_POOL, message)

    def _first(self, tries: Iterable[Found]) -> Found:
        refusals: list[Refusal] = []
        for found in tries:
            if not isinstance(found, Refusal):
                return found
            refusals.append(found)
        for reason in _TELLING:
            messages = dict.fromkeys(refusal.message for refusal in refusals if refusal.reason is reason)
            if messages:
                return Refusal(reason, "; ".join(messages))
        return Refusal(Reason.NO_MATCHING_POOL, "no pool serves this Service")

    def _from_pool(
        self, service: Service, pool: AllocatingPool, families: tuple[Family, ...], have: tuple[Address, ...] = ()
    ) -> Found:
        """Return one address for each of `families`, all of `pool` but those that the Service has, or the refusal."""
        chosen: list[Address] = []
        for family in families:
            held = next((address for address in have if family_of(address) is family), None)
            found = held or self._one(service, pool, family)
            if isinstance(found, Refusal):
                return found
            chosen.append(found)
        return tuple(chosen)

    def _one(self, service: Service, pool: AllocatingPool, family: Family) -> Address | Refusal:
        if not pool.has_family(family):
            return Refusal(Reason.FAMILY_NOT_AVAILABLE, f"pool {pool.name} has no {_text(family)} addresses")
        if pool.pool.spec.disabled:
            return _disabled(pool)
        preferred = (*pool.reserved_for(service.key, family), *self._sharable(service, pool, family))
        for address in preferred:
            if not self._obtainable(service, address, pool, service.held):
                return address
        over = self._over_quota(service, None, pool, service.held)
        return over or self._lowest_free(pool, family) or self._exhausted(pool, family)

    def _sharable(self, service: Service, pool: AllocatingPool, family: Family) -> list[Address]:
        key = service.request.sharing_key
        shared = self._ledger.shared_with(key) if key is not None else ()
        mine = (address for address in shared if family_of(address) is family and self._pools.find(address) is pool)
        return sorted(mine, key=int)

    def _lowest_free(self, pool: AllocatingPool, family: Family) -> Address | None:
        used, closed = self._ledger.used(pool, VERSIONS[family]), self._never_free[pool.name]
        start = self._lowest.get((pool.name, family), 0)
        avoid = pool.pool.spec.avoid_buggy_ips and family is Family.IPV4
        for part in pool.ranges(family):
            number = max(part.first, start)
            while number <= part.last and (number in used or number in closed or (avoid and number & 255 in (0, 255))):
                number += 1
            self._lowest[pool.name, family] = number
            if number <= part.last:
                return make_address(family, number)
        return None

    def _exhausted(self, pool: AllocatingPool, family: Family) -> Refusal:
        used = self._ledger.used(pool, VERSIONS[family])
        capacity = pool.capacity(family)
        both = all(pool.has_family(one) for one in Family)
        what = f"{_text(family)} addresses" if both else "addresses"
        message = f"pool {pool.name}: {len(used)} of {capacity} {what} are in use"
        held_back = sum(1 for one in pool.reserved if one.version == VERSIONS[family] and int(one) not in used)
        if held_back:
            message += f", {held_back} reserved"
        return Refusal(Reason.POOL_EXHAUSTED, message)


def _disabled(pool: AllocatingPool) -> Refusal:
    return Refusal(Reason.POOL_DISABLED, f"pool {pool.name} is disabled: it gives nothing new")


def _text(family: Family) -> str:
    return "IPv4" if family is Family.IPV4 else "IPv6"


def _list(addresses: Iterable[Address]) -> str:
    return " and ".join(str(address) for address in addresses)
