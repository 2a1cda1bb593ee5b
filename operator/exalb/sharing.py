"""Which Services may have one address together: equal keys, different ports, and traffic that ends alike. Pure."""

from collections import Counter
from collections.abc import Mapping
from typing import TypeAlias

from exalb.cluster import Port, Service
from exalb.reasons import Reason, Refusal
from exalb_bgp.rib import Address

Circle: TypeAlias = tuple[str, tuple[tuple[str, str], ...] | None]
"""Sharing key and, under Local traffic, the selector: only Services of one circle can share."""


def circle_of(service: Service) -> Circle | None:
    """Return the circle of a Service; None where it shares with nobody."""
    key = service.request.sharing_key
    return None if key is None else (key, service.selector if service.local_traffic else None)


def sharing_refusal(service: Service, holder: Service, address: Address) -> Refusal | None:
    """Tell why `service` may not share `address` with `holder`, or None where it may."""
    mine, theirs = service.request.sharing_key, holder.request.sharing_key
    if mine is None or theirs is None:
        return Refusal(Reason.ADDRESS_IN_USE, f"{address} is held by {holder.key}")
    if mine != theirs:
        return Refusal(Reason.SHARING_CONFLICT, f"{address} is held by {holder.key} with another sharing key")
    clash = min(service.ports & holder.ports, default=None)
    if clash:
        return Refusal(Reason.SHARING_CONFLICT, f"{holder.key} has {clash} on {address}: shared ports must differ")
    if service.local_traffic != holder.local_traffic:
        message = f"{holder.key} has {address} with another externalTrafficPolicy: sharers need the same"
        return Refusal(Reason.SHARING_CONFLICT, message)
    if service.local_traffic and service.selector != holder.selector:
        message = f"{holder.key} has {address} with another selector: sharers with Local traffic need the same"
        return Refusal(Reason.SHARING_CONFLICT, message)
    return None


class ShareIndex:
    """Finds the addresses that a Service could share, however many there are with its key."""

    def __init__(self) -> None:
        self._addresses: dict[tuple[Circle, int], Counter[int]] = {}
        self._ports: dict[tuple[Circle, int, Port], set[int]] = {}

    def add(self, service: Service, address: Address) -> None:
        """Enter that `service` has `address`, lawfully."""
        circle, version, number = circle_of(service), address.version, int(address)
        if circle:
            self._addresses.setdefault((circle, version), Counter())[number] += 1
            for port in service.ports:
                self._ports.setdefault((circle, version, port), set()).add(number)

    def remove(self, service: Service, address: Address) -> None:
        """Enter that `service` no longer has `address`."""
        circle, version, number = circle_of(service), address.version, int(address)
        if circle:
            self._addresses[circle, version][number] -= 1
            if not self._addresses[circle, version][number]:
                del self._addresses[circle, version][number]
            for port in service.ports:
                self._ports[circle, version, port].discard(number)

    def open_to(self, service: Service, version: int) -> list[int]:
        """Return the addresses of this IP version, as numbers, whose holders `service` could join; lowest first."""
        circle = circle_of(service)
        there: Mapping[int, int] = self._addresses.get((circle, version), {}) if circle else {}
        if not circle or not there:
            return []
        taken = [self._ports.get((circle, version, port), set()) for port in service.ports]
        # Where everybody has one and the same port, nothing need be looked through.
        if any(len(numbers) == len(there) for numbers in taken):
            return []
        return sorted(set(there).difference(*taken))
