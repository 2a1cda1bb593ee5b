"""Answers who has an address, and why it is announced or not. Pure."""

from collections.abc import Iterator

from exalb.allocation.pools import AllocatingPool
from exalb.api.reasons import Reason, Refusal
from exalb.explain.answer import Answer, Step, answer, broken, good, names, note
from exalb.explain.observed import Observed
from exalb.explain.service import announced, explain_service
from exalb.validation.pools import PoolIndex
from exalb_bgp.rib import Address


def explain_address(observed: Observed, address: Address) -> Answer:
    """Return the pool of an address, the Services that have it, and the chain of each of them."""
    return announced(answer(f"Address {address}", _steps(observed, address), "available"))


def _steps(observed: Observed, address: Address) -> Iterator[Step]:
    holders = sorted(key for key, service in observed.cluster.services.items() if address in service.held)
    pool = PoolIndex(observed.rules.pools).find(address)
    if pool is None:
        make = note if holders else broken
        yield make("Pool", _outside(observed, address))
    else:
        yield good("Pool", f"{address} is in pool {pool.name}", object=f"ipaddresspools.exalb.io/{pool.name}")
        refusal = _not_given(AllocatingPool(pool), address)
        if refusal and not holders:
            yield broken("Pool", refusal, f"ipaddresspools.exalb.io/{pool.name}")
    if holders:
        yield good("Services", f"{names(map(str, holders))} in status.loadBalancer")
        for key in holders:
            yield from explain_service(observed, key).steps
    elif pool:
        yield from _wanted(observed, address)


def _outside(observed: Observed, address: Address) -> Refusal:
    message = f"{address} is in no active IPAddressPool"
    inactive = observed.cluster.pools.keys() - {pool.name for pool in observed.rules.pools}
    having = [
        name
        for name in sorted(inactive)
        if (spec := observed.cluster.pools[name].spec) and any(address in part for part in spec.ranges)
    ]
    if having:
        message += f"; pool {names(having)} has it and is not active: see its condition Ready"
    return Refusal(Reason.ADDRESS_NOT_IN_POOL, message)


def _not_given(pool: AllocatingPool, address: Address) -> Refusal | None:
    """Return why no Service, or not any Service, gets this address of the pool."""
    refusal = pool.pool.refusal_to_all(address, is_held=False)
    entry = pool.pool.reserved.get(address)
    return refusal or (pool.pool.reservation_refusal(address, entry) if entry else None)


def _wanted(observed: Observed, address: Address) -> Iterator[Step]:
    """Yield the chains of Services that request the address, or that no Service has it."""
    wanting = [key for key, service in observed.cluster.services.items() if address in service.request.addresses]
    if not wanting:
        yield good("Services", f"{address} is available: no Service has it, so no node announces it")
    for key in sorted(wanting):
        yield from explain_service(observed, key).steps
