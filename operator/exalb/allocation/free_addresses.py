"""Finds the lowest free address of a pool. Pure."""

from exalb.allocation.ledger import Ledger
from exalb.allocation.pools import VERSIONS, AllocatingPool
from exalb.api.address_ranges import make_address
from exalb.api.reasons import Reason, Refusal
from exalb_bgp.rib import Address
from exalb_bgp.session import Family


class FreeAddresses:
    """The free addresses of all pools."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._never_free: dict[str, frozenset[int]] = {}

    def lowest(self, pool: AllocatingPool, family: Family) -> Address | Refusal:
        """Return the lowest free address of `pool`, or why there is none."""
        closed = self._never_free.get(pool.name)
        if closed is None:
            closed = self._never_free[pool.name] = pool.never_free()
        avoid = pool.pool.spec.avoid_buggy_ips and family is Family.IPV4
        number = self._ledger.used(pool, VERSIONS[family]).lowest_free(
            pool.ranges(family), lambda number: number in closed or (avoid and number & 255 in (0, 255))
        )
        if number is not None:
            return make_address(family, number)
        return self._exhausted(pool, family)

    def _exhausted(self, pool: AllocatingPool, family: Family) -> Refusal:
        version, used = VERSIONS[family], self._ledger.used(pool, VERSIONS[family]).numbers
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
