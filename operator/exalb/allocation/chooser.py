"""Chooses addresses for a Service that does not have what it requests: explicit, from a named pool, or automatic. Pure.

A Service that cannot get what it requests keeps the valid addresses that it has, and its outcome says why.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from itertools import chain
from typing import NamedTuple

from exalb.allocation.free_addresses import FreeAddresses
from exalb.allocation.ledger import Ledger
from exalb.allocation.outcome import Choice
from exalb.allocation.pools import VERSIONS, AllocatingPool, may_have
from exalb.allocation.quota import count_after, quota_refusal
from exalb.allocation.refusals import RefusalMemo, clearest, no_pool_refusal
from exalb.api.address_ranges import make_address
from exalb.api.reasons import Reason, Refusal, TransientRefusal
from exalb.model.cluster import IPFamilyPolicy, Service
from exalb_bgp.rib import Address
from exalb_bgp.session import Family


class _AllocationRequest(NamedTuple):
    """A Service that needs addresses."""

    service: Service
    kept: tuple[Address, ...]
    """The valid addresses that it has."""
    labels: Mapping[str, str]
    """The labels of its namespace."""

    @property
    def wants_pair(self) -> bool:
        """Whether it prefers two families and accepts one."""
        return self.service.policy is IPFamilyPolicy.PREFER_DUAL_STACK


class Chooser:
    """Chooses for the Services of one round, one after the other; the caller enters each choice in the ledger."""

    def __init__(self, ledger: Ledger, namespace_labels: Callable[[str], Mapping[str, str]]) -> None:
        self._ledger = ledger
        self._pools = ledger.pools
        self._labels = namespace_labels
        self._free = FreeAddresses(ledger)
        self._memo = RefusalMemo(self._pools)

    def choose(self, service: Service, kept: tuple[Address, ...], kind: Hashable) -> Choice:
        """Return the addresses for `service`, which is of this kind, or why it gets no more than `kept`."""
        request = service.request
        if service.is_deleted:
            return Refusal(Reason.SERVICE_DELETED, f"{service.key} is being deleted: it gets no new address")
        if request.problem:
            return request.problem
        known = self._memo.find(kind)
        if known:
            return known
        asking = _AllocationRequest(service, kept, self._labels(service.key.namespace))
        if request.addresses:
            return self._explicit(asking, request.addresses)
        choice = self._from_named_pool(asking, request.pool) if request.pool else self._automatic(asking)
        self._memo.remember(kind, choice)
        return choice

    def kind_of(self, service: Service) -> Hashable:
        """Return all that decides about a Service; None if more than that does, such as its name or its addresses."""
        return None if service.held else self._memo.kind_of(service)

    def _explicit(self, asking: _AllocationRequest, wanted: tuple[Address, ...]) -> Choice:
        service = asking.service
        if {Family.of(address) for address in wanted} != set(service.families):
            families = " and ".join(family.label for family in service.families)
            listed = " and ".join(map(str, wanted))
            message = f"{service.key} is {families}, but requests {listed}: request one address per family"
            return Refusal(Reason.CONTRADICTORY_REQUEST, message)
        for address in wanted:
            pool = self._pools.find(address)
            if service.request.pool and pool and pool.name != service.request.pool:
                message = f"{service.key} requests pool {service.request.pool}, and {address} of pool {pool.name}"
                return Refusal(Reason.CONTRADICTORY_REQUEST, message)
            refusal = None if address in asking.kept else self._refusal(asking, address, pool, wanted)
            if refusal:
                return refusal
        return wanted

    def _refusal(
        self, asking: _AllocationRequest, address: Address, pool: AllocatingPool | None, alongside: Iterable[Address]
    ) -> Refusal | None:
        """Say why `address` is not available together with those `alongside`; None if it is."""
        refusal = may_have(asking.service, address, pool, asking.labels) or self._ledger.refusal(
            asking.service, address
        )
        if refusal or pool is None:
            return refusal
        return _disabled(pool) if pool.pool.spec.disabled else self._over_quota(asking, pool, (*alongside, address))

    def _over_quota(
        self, asking: _AllocationRequest, pool: AllocatingPool, wanted: Iterable[Address], more: int = 0
    ) -> Refusal | None:
        """Say why the namespace may not have `wanted` and `more` addresses that nobody has; None if it may."""
        quota, namespace = pool.pool.spec.quota_per_namespace, asking.service.key.namespace
        if quota is None:
            return None
        has = self._ledger.has_of_namespace(pool, namespace)
        inside = [address for address in wanted if pool.pool.has(address)]
        after = count_after(has, asking.kept, inside) + more
        return quota_refusal(pool.name, namespace, quota, has=len(has), after=after)

    def _from_named_pool(self, asking: _AllocationRequest, name: str) -> Choice:
        service, pool = asking.service, self._pools.by_name.get(name)
        if pool is None:
            absent = f"IPAddressPool {name} not found: create it or request another pool"
            inactive = f"IPAddressPool {name} is not active: see its Ready condition"
            return Refusal(Reason.POOL_NOT_FOUND, inactive if name in self._pools.inactive else absent)
        if not pool.pool.admits(service, asking.labels):
            message = f"pool {name} does not serve {service.key}: see its serviceAllocation"
            return Refusal(Reason.POOL_NOT_ALLOWED, message)
        inside = tuple(address for address in asking.kept if self._pools.find(address) is pool)
        choice = self._from_pool(asking, pool, service.families, inside)
        if isinstance(choice, Refusal) and asking.wants_pair:
            return inside or self._first(self._from_pool(asking, pool, (family,)) for family in service.families)
        return choice

    def _automatic(self, asking: _AllocationRequest) -> Choice:
        families = asking.service.families
        current_pool = self._pools.find(asking.kept[0]) if asking.kept else None
        if current_pool:
            completed = self._from_pool(asking, current_pool, families, asking.kept)
            if not isinstance(completed, Refusal) or isinstance(completed, TransientRefusal):
                return completed
            if asking.wants_pair:
                return asking.kept
        candidates = self._candidates(asking)
        if not candidates:
            return no_pool_refusal(self._pools, asking.service)
        choice = self._first(self._from_pool(asking, pool, families) for pool in candidates)
        if isinstance(choice, Refusal) and asking.wants_pair:
            return self._first(self._from_pool(asking, pool, (family,)) for family in families for pool in candidates)
        return choice

    def _candidates(self, asking: _AllocationRequest) -> list[AllocatingPool]:
        """Return the pools to try: first those that reserve an address for just this Service, autoAssign or not."""
        admitting = [pool for pool in self._pools.in_order if pool.pool.admits(asking.service, asking.labels)]
        reserved = [
            pool
            for pool in admitting
            if any(
                Family.of(address) in asking.service.families
                and isinstance(self._refusal(asking, address, pool, ()), TransientRefusal | None)
                for address in pool.own_reservations(asking.service.key)
            )
        ]
        return reserved + [pool for pool in admitting if pool.pool.spec.auto_assign and pool not in reserved]

    def _first(self, choices: Iterable[Choice]) -> Choice:
        """Return the first choice that is no refusal, or is one to wait for; else the clearest refusal."""
        refusals: list[Refusal] = []
        for choice in choices:
            if not isinstance(choice, Refusal) or isinstance(choice, TransientRefusal):
                return choice
            refusals.append(choice)
        return clearest(refusals)

    def _from_pool(
        self,
        asking: _AllocationRequest,
        pool: AllocatingPool,
        families: tuple[Family, ...],
        have: tuple[Address, ...] = (),
    ) -> Choice:
        """Return one address for each of `families`: those that the Service has, the rest from `pool`."""
        chosen = {Family.of(address): address for address in have}
        lacking = next((family for family in families if family not in chosen and not pool.has_family(family)), None)
        if lacking:
            message = f"pool {pool.name} has no {lacking.label} addresses"
            return Refusal(Reason.FAMILY_NOT_AVAILABLE, message)
        for family in families:
            if family not in chosen:
                address = self._pick_address(asking, pool, family, tuple(chosen.values()))
                if isinstance(address, Refusal):
                    return address
                chosen[family] = address
        return tuple(chosen[family] for family in families)

    def _pick_address(
        self, asking: _AllocationRequest, pool: AllocatingPool, family: Family, alongside: tuple[Address, ...]
    ) -> Address | Refusal:
        if pool.pool.spec.disabled:
            return _disabled(pool)
        service = asking.service
        for address in chain(pool.reserved_for(service.key, family), self._sharable(service, pool, family)):
            refusal = self._refusal(asking, address, pool, alongside)
            if refusal is None or isinstance(refusal, TransientRefusal):
                return refusal or address
        return self._over_quota(asking, pool, alongside, more=1) or self._free.lowest(pool, family)

    def _sharable(self, service: Service, pool: AllocatingPool, family: Family) -> Iterator[Address]:
        for number in self._ledger.shares.open_to(service, VERSIONS[family]):
            address = make_address(family, number)
            if self._pools.find(address) is pool:
                yield address


def _disabled(pool: AllocatingPool) -> Refusal:
    return Refusal(Reason.POOL_DISABLED, f"pool {pool.name} is disabled: it assigns no new address")
