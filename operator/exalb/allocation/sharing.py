"""Finds the addresses that a Service could share (see `model.sharing_terms`). Pure."""

from collections import Counter
from collections.abc import Mapping

from exalb.model.cluster import Service
from exalb.model.ports import Port
from exalb.model.sharing_terms import SharingGroup, terms_of
from exalb_bgp.rib import Address


class ShareIndex:
    """Finds the addresses that a Service could share, however many there are with its key."""

    def __init__(self) -> None:
        self._addresses: dict[tuple[SharingGroup, int], Counter[int]] = {}
        self._ports: dict[tuple[SharingGroup, int, Port], set[int]] = {}

    def add(self, service: Service, address: Address) -> None:
        """Enter that `service` has `address`."""
        terms = terms_of(service)
        if terms:
            group, version, number = terms.group, address.version, int(address)
            self._addresses.setdefault((group, version), Counter())[number] += 1
            for port in terms.ports:
                self._ports.setdefault((group, version, port), set()).add(number)

    def remove(self, service: Service, address: Address) -> None:
        """Enter that `service` no longer has `address`."""
        terms = terms_of(service)
        if terms:
            version, number = address.version, int(address)
            counts = self._addresses[terms.group, version]
            counts[number] -= 1
            if not counts[number]:
                del counts[number]
            for port in terms.ports:
                self._ports[terms.group, version, port].discard(number)

    def open_to(self, service: Service, version: int) -> list[int]:
        """Return in order, as numbers, the addresses where the group and the ports suit `service`."""
        terms = terms_of(service)
        if terms is None:
            return []
        group = terms.group
        there: Mapping[int, int] = self._addresses.get((group, version), {})
        if not there:
            return []
        taken = [self._ports.get((group, version, port), set()) for port in terms.ports]
        # If every address has one of the ports already, there is nothing to look through.
        if any(len(numbers) == len(there) for numbers in taken):
            return []
        return sorted(set(there).difference(*taken))
