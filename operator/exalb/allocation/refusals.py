"""Chooses among refusals, and remembers those that hold for many Services of one round. Pure."""

from collections.abc import Hashable, Iterable

from exalb.allocation.outcome import Choice
from exalb.allocation.pools import PoolTable
from exalb.api.reasons import Reason, Refusal
from exalb.model.cluster import Service

_REASON_PRIORITY = (
    Reason.POOL_EXHAUSTED,
    Reason.QUOTA_EXCEEDED,
    Reason.POOL_DISABLED,
    Reason.FAMILY_NOT_AVAILABLE,
)
"""If several pools refuse, the first of these reasons says most."""


def clearest(refusals: Iterable[Refusal]) -> Refusal:
    """Return one refusal for those of several pools: all messages of the reason that says most."""
    by_priority = sorted(refusals, key=lambda refusal: _REASON_PRIORITY.index(refusal.reason))
    reason = by_priority[0].reason
    messages = dict.fromkeys(refusal.message for refusal in by_priority if refusal.reason is reason)
    return Refusal(reason, "; ".join(messages))


def no_pool_refusal(pools: PoolTable, service: Service) -> Refusal:
    """Say why no pool assigns addresses to a Service that names no pool."""
    if pools.in_order:
        names = ", ".join(pool.name for pool in pools.in_order)
        advice = f"check autoAssign and serviceAllocation of {names}"
        message = f"no pool assigns addresses to {service.key} automatically: {advice}"
        return Refusal(Reason.NO_MATCHING_POOL, message)
    absent = "there is no IPAddressPool: create one"
    inactive = f"no IPAddressPool is active: see the Ready condition of {', '.join(sorted(pools.inactive))}"
    return Refusal(Reason.NO_MATCHING_POOL, inactive if pools.inactive else absent)


def is_of_kind(refusal: Refusal) -> bool:
    """Return whether a refusal holds for every Service of a kind, since it does not name one."""
    return refusal.reason in _REASON_PRIORITY


class RefusalMemo:
    """Refusals of one round by the kind of Service: within a round no address becomes free."""

    def __init__(self, pools: PoolTable) -> None:
        self._pools = pools
        self._by_labels = any(pool.selects_services for pool in pools.in_order)
        self._refusals: dict[Hashable, Refusal] = {}

    def kind_of(self, service: Service) -> Hashable:
        """Return all that decides about a Service without an address; None if its name matters too."""
        request = service.request
        if request.addresses or request.sharing_key or service.key in self._pools.reserved_for:
            return None
        labels = frozenset(service.labels.items()) if self._by_labels else None
        return service.key.namespace, labels, service.families, service.policy, request.pool

    def find(self, kind: Hashable) -> Refusal | None:
        """Return the refusal that a Service of this kind got before."""
        return self._refusals.get(kind)

    def remember(self, kind: Hashable, choice: Choice) -> None:
        """Remember a refusal that does not name the Service."""
        if kind is not None and isinstance(choice, Refusal) and is_of_kind(choice):
            self._refusals[kind] = choice
