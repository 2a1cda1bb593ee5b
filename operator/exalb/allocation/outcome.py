"""The result of allocation for one Service. Pure."""

from dataclasses import dataclass
from typing import TypeAlias

from exalb.allocation.pools import PoolTable
from exalb.api.reasons import Refusal
from exalb.model.cluster import IPFamilyPolicy, Service
from exalb_bgp.rib import Address
from exalb_bgp.session import Family

Choice: TypeAlias = tuple[Address, ...] | Refusal
"""Addresses for a Service, or why there are none."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The addresses of one Service."""

    addresses: tuple[Address, ...]
    """In the order of the Service's families."""
    pools: tuple[str, ...]
    """The pool of each address."""
    refusal: Refusal | None = None
    """Why these are not the addresses that the Service requests."""
    lost: tuple[tuple[Address, Refusal], ...] = ()
    """Addresses in the status of the Service that it may not keep, and why."""

    @property
    def pool(self) -> str | None:
        """The pool of the first address."""
        return self.pools[0] if self.pools else None


def is_satisfied(service: Service, kept: tuple[Address, ...], pools: PoolTable) -> bool:
    """Whether `kept` is all that the Service requests, so that there is nothing to choose."""
    request = service.request
    if request.problem or not kept:
        return False
    has = {Family.of(address) for address in kept}
    missing = [family for family in service.families if family not in has]
    if missing and not _has_all_of_its_pool(service, kept, missing[0], pools):
        return False
    if request.addresses and (missing or set(request.addresses) != set(kept)):
        return False
    return request.pool is None or all(pool and pool.name == request.pool for pool in map(pools.find, kept))


def _has_all_of_its_pool(service: Service, kept: tuple[Address, ...], lacking: Family, pools: PoolTable) -> bool:
    """Whether a Service that prefers two families has the only one that its pool has."""
    pool = pools.find(kept[0])
    return service.policy is IPFamilyPolicy.PREFER_DUAL_STACK and pool is not None and not pool.has_family(lacking)
