"""Finds the lowest free address of a pool. Pure.

Within one round no address becomes free, so each search starts where the last one ended.
"""

from exalb.allocation.ledger import Ledger
from exalb.allocation.pools import VERSIONS, AllocatingPool
from exalb.api.address_ranges import make_address
from exalb.api.reasons import Reason, Refusal
from exalb_bgp.rib import Address
from exalb_bgp.session import Family


class FreeAddresses:
    """The free addresses of all pools during one round."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._never_free = {pool.name: pool.never_free() for pool in ledger.pools.in_order}
        self._next: dict[tuple[str, Family], int] = {}

    def lowest(self, pool: AllocatingPool, family: Family) -> Address | Refusal:
        """Return the lowest free address of `pool`, or why there is none."""
        used, closed = self._ledger.used(pool, VERSIONS[family]), self._never_free[pool.name]
        start = self._next.get((pool.name, family), 0)
        avoid = pool.pool.spec.avoid_buggy_ips and family is Family.IPV4
        for part in pool.ranges(family):
            number = max(part.first, start)
            while number <= part.last and (number in used or number in closed or (avoid and number & 255 in (0, 255))):
                number += 1
            self._next[pool.name, family] = number
            if number <= part.last:
                return make_address(family, number)
        return self._exhausted(pool, family)

    def _exhausted(self, pool: AllocatingPool, family: Family) -> Refusal:
        version, used = VERSIONS[family], self._ledger.used(pool, VERSIONS[family])
        has_both = all(pool.has_family(other) for other in Family)
        unit = f"{family.label} addresses" if has_both else "addresses"
        message = f"pool {pool.name}: {len(used)} of {pool.capacity(family)} {unit} are in use"
        reserved = sum(1 for address in pool.pool.reserved if address.version == version and int(address) not in used)
        if reserved:
            message += f", {reserved} reserved"
        taken = sum(1 for address in pool.pool.taken if address.version == version)
        if taken:
            message += f", {taken} of nodes or routers never given"
        return Refusal(Reason.POOL_EXHAUSTED, message)
