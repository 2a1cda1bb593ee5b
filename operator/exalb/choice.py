"""Choosing an address for a Service that has not what it needs: explicit, from a named pool, or automatic. Pure.

A Service that cannot have what it asks for keeps what it lawfully holds, and is told why.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple, TypeAlias

from exalb.addresses import make_address
from exalb.cluster import IPFamilyPolicy, Service
from exalb.ledger import Ledger, may_have
from exalb.pools import VERSIONS, AllocatingPool, PoolTable
from exalb.reasons import PassingRefusal, Reason, Refusal
from exalb_bgp.rib import Address
from exalb_bgp.session import Family


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one Service gets."""

    addresses: tuple[Address, ...]
    """In the order of the Service's families."""
    pools: tuple[str, ...]
    """The pool of each address."""
    refusal: Refusal | None = None
    """Why it is not what was asked for."""
    lost: tuple[tuple[Address, Refusal], ...] = ()
    """Addresses that the Service held and may not keep, and why."""

    @property
    def pool(self) -> str | None:
        """The pool of the first address."""
        return self.pools[0] if self.pools else None


Found: TypeAlias = tuple[Address, ...] | Refusal

_TELLING = (
    Reason.POOL_EXHAUSTED,
    Reason.QUOTA_EXCEEDED,
    Reason.POOL_DISABLED,
    Reason.FAMILY_NOT_AVAILABLE,
    Reason.NO_MATCHING_POOL,
)
"""Of several pools that refuse, the first of these reasons tells most."""
_FOR_ALL_OF_A_KIND = _TELLING[:-1]
"""Refusals that do not name the Service."""


def is_content(service: Service, kept: tuple[Address, ...], pools: PoolTable) -> bool:
    """Tell whether `kept` is all that the Service asks for, so that nothing has to be chosen."""
    request = service.request
    if request.problem or not kept:
        return False
    home, has = pools.find(kept[0]), {Family.of(address) for address in kept}
    missing = [family for family in service.families if family not in has]
    if missing and not (
        service.policy is IPFamilyPolicy.PREFER_DUAL_STACK and home and not home.has_family(missing[0])
    ):
        return False
    if request.addresses and (missing or set(request.addresses) != set(kept)):
        return False
    return request.pool is None or all((pool := pools.find(one)) and pool.name == request.pool for one in kept)


class _Seeker(NamedTuple):
    """A Service that something is chosen for."""

    service: Service
    kept: tuple[Address, ...]
    """What it lawfully holds."""
    labels: Mapping[str, str]
    """Those of its namespace."""

    @property
    def wants_pair(self) -> bool:
        """Whether it would rather have two families, and is content with one."""
        return self.service.policy is IPFamilyPolicy.PREFER_DUAL_STACK


class Chooser:
    """Chooses for one Service after the other against one ledger, in which what it gives is entered at once."""

    def __init__(self, ledger: Ledger, namespace_labels: Callable[[str], Mapping[str, str]]) -> None:
        self._ledger = ledger
        self._pools = ledger.pools
        self._labels = namespace_labels
        self._lowest: dict[tuple[str, Family], int] = {}
        self._never_free = {pool.name: pool.never_free() for pool in self._pools.in_order}
        self._by_labels = any(pool.selects_services for pool in self._pools.in_order)
        self._refused: dict[Hashable, Refusal] = {}
        """What Services were refused that nothing tells apart: nothing becomes free while one picture is looked at."""

    def choose(self, service: Service, kept: tuple[Address, ...]) -> Found:
        """Return the addresses that `service` shall have, or why it has no more than `kept`."""
        request = service.request
        if request.problem:
            return request.problem
        kind = None if kept else self._kind(service)
        if kind in self._refused:
            return self._refused[kind]
        who = _Seeker(service, kept, self._labels(service.key.namespace))
        if request.addresses:
            return self._explicit(who, request.addresses)
        found = self._named(who, request.pool) if request.pool else self._automatic(who)
        if kind and isinstance(found, Refusal) and found.reason in _FOR_ALL_OF_A_KIND:
            self._refused[kind] = found
        return found

    def _kind(self, service: Service) -> Hashable:
        """Return what decides for a Service that has nothing; None where it is one of its kind."""
        request = service.request
        if request.addresses or request.sharing_key or service.key in self._pools.reserved_for:
            return None
        labels = frozenset(service.labels.items()) if self._by_labels else None
        return service.key.namespace, labels, service.families, service.policy, request.pool

    def _explicit(self, who: _Seeker, wanted: tuple[Address, ...]) -> Found:
        service = who.service
        if {Family.of(address) for address in wanted} != set(service.families):
            families = " and ".join(_text(family) for family in service.families)
            message = f"{service.key} is {families}, but asks for {_list(wanted)}: ask for one address per family"
            return Refusal(Reason.CONTRADICTORY_REQUEST, message)
        for address in wanted:
            pool = self._pools.find(address)
            if service.request.pool and pool and pool.name != service.request.pool:
                message = f"{service.key} asks for pool {service.request.pool} and for {address} of pool {pool.name}"
                return Refusal(Reason.CONTRADICTORY_REQUEST, message)
            refusal = None if address in who.kept else self._obtainable(who, address, pool, wanted)
            if refusal:
                return refusal
        return wanted

    def _obtainable(
        self, who: _Seeker, address: Address, pool: AllocatingPool | None, beside: Iterable[Address]
    ) -> Refusal | None:
        """Tell why `address` cannot be had together with those `beside` it, or None."""
        refusal = may_have(who.service, address, pool, who.labels) or self._ledger.refusal(who.service, address)
        if refusal or pool is None:
            return refusal
        return _disabled(pool) if pool.pool.spec.disabled else self._over_quota(who, pool, beside, address)

    def _over_quota(
        self, who: _Seeker, pool: AllocatingPool, beside: Iterable[Address], address: Address | None = None
    ) -> Refusal | None:
        """Tell whether one more (`address`, or any) would be too many for the namespace; what is shared counts once."""
        quota, namespace = pool.pool.spec.quota_per_namespace, who.service.key.namespace
        if quota is None:
            return None
        has = self._ledger.has_of_namespace(pool, namespace)
        others = {one for one in (*who.kept, *beside, address) if one and has.get(one, 0) > (one in who.kept)}
        only_mine = sum(1 for one in who.kept if one in has and one not in others)
        then = len(has) - only_mine + sum(1 for one in set(beside) - others - {address} if pool.pool.has(one))
        if address in others or then < max(quota, len(has)):
            return None
        message = f"namespace {namespace} has {len(has)} addresses of pool {pool.name}, and may have {quota}"
        return Refusal(Reason.QUOTA_EXCEEDED, message)

    def _named(self, who: _Seeker, name: str) -> Found:
        service, pool = who.service, self._pools.by_name.get(name)
        if pool is None:
            absent = f"there is no IPAddressPool {name}: make it, or ask for another"
            broken = f"IPAddressPool {name} is out of force: its condition Ready says why"
            return Refusal(Reason.POOL_NOT_FOUND, broken if name in self._pools.aside else absent)
        if not pool.admits(service, who.labels):
            return Refusal(Reason.POOL_NOT_ALLOWED, f"pool {name} does not serve {service.key}")
        inside = tuple(address for address in who.kept if self._pools.find(address) is pool)
        found = self._from_pool(who, pool, service.families, inside)
        if isinstance(found, Refusal) and who.wants_pair:
            return inside or self._first(self._from_pool(who, pool, (family,)) for family in service.families)
        return found

    def _automatic(self, who: _Seeker) -> Found:
        families = who.service.families
        home = self._pools.find(who.kept[0]) if who.kept else None
        if home:
            completed = self._from_pool(who, home, families, who.kept)
            if not isinstance(completed, Refusal) or isinstance(completed, PassingRefusal):
                return completed
            if who.wants_pair:
                return who.kept
        candidates = self._candidates(who)
        found = self._first(self._from_pool(who, pool, families) for pool in candidates)
        if isinstance(found, Refusal) and who.wants_pair:
            return self._first(self._from_pool(who, pool, (family,)) for family in families for pool in candidates)
        if isinstance(found, Refusal) and not candidates:
            return self._nobody(who.service)
        return found

    def _candidates(self, who: _Seeker) -> list[AllocatingPool]:
        """Return the pools to try: those first that hold an address for just this Service, even if not autoAssign."""
        admitting = [pool for pool in self._pools.in_order if pool.admits(who.service, who.labels)]
        reserved = [
            pool
            for pool in admitting
            if any(
                Family.of(address) in who.service.families
                and isinstance(self._obtainable(who, address, pool, ()), PassingRefusal | None)
                for address in pool.own_reservations(who.service.key)
            )
        ]
        return reserved + [pool for pool in admitting if pool.pool.spec.auto_assign and pool not in reserved]

    def _nobody(self, service: Service) -> Refusal:
        if not self._pools.in_order:
            absent = "there is no IPAddressPool: make one"
            broken = f"no IPAddressPool is in force: see the condition Ready of {', '.join(sorted(self._pools.aside))}"
            return Refusal(Reason.NO_MATCHING_POOL, broken if self._pools.aside else absent)
        names = ", ".join(pool.name for pool in self._pools.in_order)
        message = f"no pool gives addresses to {service.key} by itself: see autoAssign and serviceAllocation of {names}"
        return Refusal(Reason.NO_MATCHING_POOL, message)

    def _first(self, tries: Iterable[Found]) -> Found:
        refusals: list[Refusal] = []
        for found in tries:
            if not isinstance(found, Refusal) or isinstance(found, PassingRefusal):
                return found
            refusals.append(found)
        for reason in _TELLING:
            messages = dict.fromkeys(refusal.message for refusal in refusals if refusal.reason is reason)
            if messages:
                return Refusal(reason, "; ".join(messages))
        return Refusal(Reason.NO_MATCHING_POOL, "no pool serves this Service")

    def _from_pool(
        self, who: _Seeker, pool: AllocatingPool, families: tuple[Family, ...], have: tuple[Address, ...] = ()
    ) -> Found:
        """Return one address for each of `families`: what the Service has already, the rest of `pool`."""
        chosen = {Family.of(address): address for address in have}
        lacking = next((family for family in families if family not in chosen and not pool.has_family(family)), None)
        if lacking:
            return Refusal(Reason.FAMILY_NOT_AVAILABLE, f"pool {pool.name} has no {_text(lacking)} addresses")
        for family in families:
            if family not in chosen:
                found = self._one(who, pool, family, tuple(chosen.values()))
                if isinstance(found, Refusal):
                    return found
                chosen[family] = found
        return tuple(chosen[family] for family in families)

    def _one(
        self, who: _Seeker, pool: AllocatingPool, family: Family, beside: tuple[Address, ...]
    ) -> Address | Refusal:
        if pool.pool.spec.disabled:
            return _disabled(pool)
        for address in chain(pool.reserved_for(who.service.key, family), self._sharable(who.service, pool, family)):
            refusal = self._obtainable(who, address, pool, beside)
            if refusal is None or isinstance(refusal, PassingRefusal):
                return refusal or address
        over = self._over_quota(who, pool, beside)
        return over or self._lowest_free(pool, family) or self._exhausted(pool, family)

    def _sharable(self, service: Service, pool: AllocatingPool, family: Family) -> Iterator[Address]:
        for number in self._ledger.shares.open_to(service, VERSIONS[family]):
            address = make_address(family, number)
            if self._pools.find(address) is pool:
                yield address

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
        taken = sum(1 for one in pool.pool.taken if one.version == VERSIONS[family])
        if taken:
            message += f", {taken} of nodes or routers never given"
        return Refusal(Reason.POOL_EXHAUSTED, message)


def _disabled(pool: AllocatingPool) -> Refusal:
    return Refusal(Reason.POOL_DISABLED, f"pool {pool.name} is disabled: it gives nothing new")


def _text(family: Family) -> str:
    return "IPv4" if family is Family.IPV4 else "IPv6"


def _list(addresses: Iterable[Address]) -> str:
    return " and ".join(str(address) for address in addresses)
