"""Decides for each pool whether it could serve a Service, and why not. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from exalb.allocation.allocator import labels_of
from exalb.allocation.pools import AllocatingPool, PoolTable
from exalb.api.reasons import Finding, Reason, Refusal
from exalb.explain.observed import Observed
from exalb.model.cluster import Service


class PoolChoice(NamedTuple):
    """One pool, as a Service sees it."""

    name: str
    refusal: Refusal | None
    """Why the Service gets no address of it; None if it has one, or could have one."""
    is_chosen: bool


def pool_choices(observed: Observed, service: Service) -> Iterator[PoolChoice]:
    """Yield every pool in order of preference, then those that are not active."""
    outcome = observed.allocation.outcomes.get(service.key)
    chosen = outcome.pools if outcome else ()
    for pool in PoolTable(observed.rules.pools).in_order:
        refusal = None if pool.name in chosen else _refusal(observed, service, pool)
        yield PoolChoice(pool.name, refusal, pool.name in chosen)
    active = {pool.name for pool in observed.rules.pools}
    for name in sorted(observed.cluster.pools.keys() - active):
        yield PoolChoice(name, _why_inactive(observed, name), is_chosen=False)


def _refusal(observed: Observed, service: Service, pool: AllocatingPool) -> Refusal | None:
    """Ask the allocator as if the Service, without an address, requested this pool."""
    if not pool.pool.admits(service, labels_of(observed.cluster.namespaces, service.key.namespace)):
        message = f"pool {pool.name} does not serve {service.key}: see its serviceAllocation"
        return Refusal(Reason.POOL_NOT_ALLOWED, message)
    if not pool.pool.spec.auto_assign and service.request.pool != pool.name:
        message = f"pool {pool.name} has autoAssign: false, and {service.key} does not request it"
        return Refusal(Reason.NO_MATCHING_POOL, message)
    asking = replace(service, held=(), record=None, request=replace(service.request, addresses=(), pool=pool.name))
    services = {**observed.cluster.services, service.key: asking}
    asked = replace(observed.cluster, services=services)
    refusal = observed.allocator.allocate(asked, observed.rules).outcomes[service.key].refusal
    observed.allocator.allocate(observed.cluster, observed.rules)
    return refusal


def _why_inactive(observed: Observed, name: str) -> Refusal:
    findings: list[Finding] = [*observed.rules.invalid, *observed.malformed]
    found = next((item for item in findings if (item.kind, item.name) == ("IPAddressPool", name)), None)
    if found is None:
        return Refusal(Reason.INVALID_SPEC, f"pool {name} is not active")
    return Refusal(found.reason, f"pool {name} is not active: {found.message}")
