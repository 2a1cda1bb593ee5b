"""Keeps the refused Services by what would change their refusal, so that a round asks only about those. Pure.

reason                                asked again when
of the Service and the pools alone    never: other pools forget all refusals
of an explicit request                an address of it is touched, or the quota of the namespace
of all Services of a kind             in each round one of them, the oldest: a crowd costs what one costs
any other                             in each round
"""

from bisect import bisect_left, insort
from collections.abc import Container, Hashable, Iterable, Iterator
from itertools import chain
from typing import TypeAlias, TypeVar

from exalb.api.reasons import Reason, Refusal
from exalb.model.cluster import Key, Service
from exalb_bgp.rib import Address

Index = TypeVar("Index", bound=Hashable)
Age: TypeAlias = tuple[str, Key]
"""Orders Services by age, and names one."""

_OF_SERVICE_AND_POOLS = frozenset(
    {
        Reason.POOL_NOT_FOUND,
        Reason.POOL_NOT_ALLOWED,
        Reason.NO_MATCHING_POOL,
        Reason.INVALID_REQUEST,
        Reason.SERVICE_DELETED,
    }
)


class _Crowd:
    """The refused Services of one kind, which have one refusal."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        self.ages: list[Age] = []
        """In order."""


class Waiting:
    """The Services that were refused, and to which nothing happened since."""

    def __init__(self, reserved: Container[Key] = ()) -> None:
        """Begin without any; pools reserve addresses for the Services in `reserved`."""
        self._reserved = reserved
        self._services: dict[Key, Service] = {}
        self._kinds: dict[Key, Hashable] = {}
        self._crowds: dict[Hashable, _Crowd] = {}
        self._by_address: dict[Address, set[Key]] = {}
        self._explicit: dict[str, set[Key]] = {}
        """Services with an explicit request, by namespace."""
        self._others: set[Key] = set()

    def add(self, service: Service, refusal: Refusal, kind: Hashable) -> list[Age]:
        """Add a refused Service; return those of its kind whose refusal is another one, and must be asked again.

        `kind` is None where the refusal is that of this Service alone.
        """
        key = service.key
        self._services[key] = service
        if refusal.reason in _OF_SERVICE_AND_POOLS and not self._depends_on_addresses(service, refusal.reason):
            return []
        if service.request.addresses:
            for address in service.request.addresses:
                self._by_address.setdefault(address, set()).add(key)
            self._explicit.setdefault(key.namespace, set()).add(key)
            return []
        if kind is None:
            self._others.add(key)
            return []
        crowd = self._crowds.setdefault(kind, _Crowd(refusal))
        self._kinds[key] = kind
        others = [] if crowd.refusal == refusal else list(crowd.ages)
        crowd.refusal = refusal
        insort(crowd.ages, service.age)
        return others

    def _depends_on_addresses(self, service: Service, reason: Reason) -> bool:
        """Whether the reason says something else once other addresses are taken or free.

        A pool with `autoAssign: false` matches a Service only while its own reserved address, or one more next to the
        address that it has, is free. Of two requested addresses the first one that is refused has the reason.
        """
        if reason is Reason.NO_MATCHING_POOL:
            return bool(service.held) or service.key in self._reserved
        return reason is Reason.POOL_NOT_ALLOWED and len(service.request.addresses) > 1

    def take(self, key: Key) -> Service | None:
        """Remove a Service and return it; None if it does not wait."""
        service = self._services.pop(key, None)
        if service is None:
            return None
        self._others.discard(key)
        for address in service.request.addresses:
            _discard(self._by_address, address, key)
        _discard(self._explicit, key.namespace, key)
        kind = self._kinds.pop(key, None)
        if kind is not None:
            ages = self._crowds[kind].ages
            del ages[bisect_left(ages, service.age)]
            if not ages:
                del self._crowds[kind]
        return service

    def due(self, touched: Iterable[Address], quotas: Iterable[str]) -> Iterator[Age]:
        """Yield those to ask at the beginning of a round, some twice: addresses and quotas were touched since."""
        yield from (crowd.ages[0] for crowd in self._crowds.values())
        yield from (self._services[key].age for key in self._others)
        yield from self.touched(touched, quotas)

    def touched(self, addresses: Iterable[Address], quotas: Iterable[str]) -> Iterator[Age]:
        """Yield those with an explicit request that these addresses, or quotas of these namespaces, concern."""
        if not self._explicit:
            return
        concerned = chain(
            (self._by_address.get(address, ()) for address in addresses),
            (self._explicit.get(namespace, ()) for namespace in quotas),
        )
        yield from (self._services[key].age for key in chain.from_iterable(concerned))

    def oldest(self, kind: Hashable) -> list[Age]:
        """Return the oldest Service of a kind, if one waits."""
        return self._crowds[kind].ages[:1] if kind in self._crowds else []


def _discard(index: dict[Index, set[Key]], at: Index, key: Key) -> None:
    keys = index.get(at)
    if keys:
        keys.discard(key)
        if not keys:
            del index[at]
