"""The record of the addresses that ExaLB assigned to a Service: written and read here alone. Pure.

The record is a condition of its own in the status of the Service, and is written in one patch with the addresses. Its
message is JSON with a version. The owner of a Service may not write the status, so nobody but a controller changes it.
It lists the addresses that ExaLB assigned, and the terms on which the Service shares them. So an address of another
controller is never taken away, and a sharer that changes its terms yields to those that did not.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from exalb.api.address_ranges import address_order, parse_address
from exalb.api.reasons import Reason
from exalb.model.cluster import ConditionState, Service
from exalb.model.ports import Port
from exalb.model.sharing_terms import SharingTerms, terms_of
from exalb_bgp.rib import Address

VERSION = 1
_KEEPS = "; keeps "


@dataclass(frozen=True, slots=True)
class AddressRecord:
    """The addresses that ExaLB assigned to a Service, and the terms on which it shares them."""

    addresses: frozenset[Address]
    terms: SharingTerms | None


def record_of(service: Service, addresses: Iterable[Address]) -> AddressRecord:
    """Return the record for a Service that gets `addresses`."""
    return AddressRecord(frozenset(addresses), terms_of(service))


def has_only_ours(service: Service) -> bool:
    """Whether ExaLB assigned every entry of `status.loadBalancer`: the list has one writer at a time."""
    return not service.has_hostname and read_record(service).addresses.issuperset(service.held)


def managed_addresses(service: Service) -> tuple[Address, ...]:
    """Return the addresses of a Service of ours that may be announced.

    A Service without a class may have its address from another controller, which announces it: see the record.
    """
    if service.load_balancer_class is not None:
        return service.held
    recorded = read_record(service).addresses
    return tuple(address for address in service.held if address in recorded)


def record_condition(service: Service, addresses: Iterable[Address]) -> ConditionState | None:
    """Return the condition to write for a Service that gets `addresses`; None if it gets none."""
    record = record_of(service, addresses)
    return ConditionState("True", Reason.RECORDED.value, format_record(record)) if record.addresses else None


def is_recorded(service: Service, addresses: Iterable[Address]) -> bool:
    """Whether the record in the status is already the one for `addresses`."""
    wanted, current = record_condition(service, addresses), service.record
    if wanted is None or current is None:
        return wanted is current
    return (wanted.status, wanted.reason, wanted.message) == (current.status, current.reason, current.message)


def read_record(service: Service) -> AddressRecord:
    """Return the record of a Service; one without addresses if there is none."""
    return _of_condition(service.record) or AddressRecord(frozenset(_from_sentence(service)), terms_of(service))


def is_readable(condition: ConditionState | None) -> bool:
    """Whether a condition is a record; without one `read_record` reads the sentence for people."""
    return _of_condition(condition) is not None


def _of_condition(condition: ConditionState | None) -> AddressRecord | None:
    return parse_record(condition.message) if condition and condition.status == "True" else None


def format_record(record: AddressRecord) -> str:
    """Write a record as the message of its condition."""
    content: dict[str, Any] = {
        "version": VERSION,
        "addresses": [str(address) for address in sorted(record.addresses, key=address_order)],
    }
    if record.terms:
        content["sharing"] = {
            "key": record.terms.key,
            "ports": _format_ports(record.terms.ports),
            "endpoints": record.terms.endpoints,
            "namespaces": sorted(record.terms.namespaces),
        }
    return json.dumps(content, separators=(",", ":"))


def parse_record(text: str) -> AddressRecord | None:
    """Read a record; None for a text that is no record of this version."""
    try:
        content = json.loads(text)
        if content["version"] != VERSION:
            return None
        addresses = frozenset(parse_address(address) for address in content["addresses"])
        sharing = content.get("sharing")
        return AddressRecord(addresses, _parse_terms(sharing) if sharing else None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _parse_terms(sharing: dict[str, Any]) -> SharingTerms:
    key, endpoints = sharing["key"], sharing["endpoints"]
    ports = frozenset(_parse_ports(sharing["ports"]))
    return SharingTerms(str(key), ports, str(endpoints), frozenset(map(str, sharing["namespaces"])))


def _format_ports(ports: Iterable[Port]) -> dict[str, str]:
    """Write the ports of each protocol as numbers and ranges, such as `80,8000-8100`."""
    numbers: dict[str, list[int]] = {}
    for port in sorted(ports):
        numbers.setdefault(port.protocol, []).append(port.number)
    return {protocol: ",".join(_ranges(of_protocol)) for protocol, of_protocol in numbers.items()}


def _ranges(numbers: list[int]) -> Iterator[str]:
    for _, run in groupby(enumerate(numbers), key=lambda entry: entry[1] - entry[0]):
        first, *rest = (number for _, number in run)
        yield f"{first}-{rest[-1]}" if rest else str(first)


def _parse_ports(texts: dict[str, str]) -> Iterator[Port]:
    for protocol, text in texts.items():
        for part in text.split(","):
            first, _, last = part.partition("-")
            yield from (Port(protocol, number) for number in range(int(first), min(int(last or first), 65535) + 1))


def _from_sentence(service: Service) -> Iterator[Address]:
    """Read the addresses from the condition for people, as written before there was a record.

    Its message was `198.51.100.1 from pool main`, two of these with `and`, or a refusal that ended in `; keeps` and the
    addresses.
    """
    condition = service.condition
    if condition is None or condition.status != "True":
        return
    words = condition.message.rpartition(_KEEPS)[2].split()
    named = {word for before, word in pairwise(["", *words]) if before != "pool"}
    yield from (address for address in service.held if str(address) in named)
