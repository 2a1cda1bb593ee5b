"""IPAddressPools of MetalLB as IPAddressPools of ExaLB. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Any

from exalb.api.address_ranges import AddressRange
from exalb.migration.metallb_objects import PoolSpec, ServiceAllocation, unknown
from exalb.migration.notes import About, Note
from exalb.model.cluster import Key, Service
from exalb_bgp.rib import Address

HIGHEST_PRIORITY = 2147483647


def pool_spec(
    spec: PoolSpec, about: About, services: Mapping[Key, Service]
) -> tuple[dict[str, Any] | None, list[Note]]:
    """Return the spec of the pool, None if no address is left, and the notes."""
    notes = list(unknown(spec, about))
    texts = []
    for index, text in enumerate(spec.addresses):
        try:
            texts.append(canonical_range(text))
        except ValueError as error:
            notes.append(about.lost(f"spec.addresses[{index}]", f"{error}. These addresses are left out"))
            continue
        if texts[-1].replace(" ", "") != text.replace(" ", "") and "/" in text:
            notes.append(about.note(f"spec.addresses[{index}]", f"{text} is written as {texts[-1]}"))
    if not texts:
        notes.append(about.lost("spec.addresses", "no address is left, so the pool is not written"))
        return None, notes
    made: dict[str, Any] = {"addresses": texts}
    made |= {} if spec.auto_assign else {"autoAssign": False}
    made |= {"avoidBuggyIPs": True} if spec.avoid_buggy_ips else {}
    if spec.service_allocation:
        notes += unknown(spec.service_allocation, about, "spec.serviceAllocation")
        allocation, more = _allocation(spec.service_allocation, about)
        made |= {"serviceAllocation": allocation} if allocation else {}
        notes += more
    if shared := _shared_across_namespaces(texts, services):
        address, namespaces = shared
        made["allowCrossNamespaceSharing"] = True
        message = (
            f"is set because Services of the namespaces {', '.join(namespaces)} share {address}: MetalLB lets"
            " Services of all namespaces share, ExaLB only where the pool or both Services allow it"
        )
        notes.append(about.differs("spec.allowCrossNamespaceSharing", message))
    return made, notes


def canonical_range(text: str) -> str:
    """Return a range as ExaLB writes it: a CIDR without host bits, or `first-last`; raise ValueError."""
    low, dash, high = text.partition("-")
    if dash:
        ends = [_plain(part.strip(), text) for part in (low, high)]
        written = f"{ends[0]}-{ends[1]}"
    else:
        try:
            written = str(ip_network(text.strip(), strict=False)) if "/" in text else text
        except ValueError:
            written = text
    AddressRange.parse(written)
    return written


def known_ranges(specs: Iterable[PoolSpec]) -> tuple[AddressRange, ...]:
    """Return all ranges of MetalLB's pools that can be read, also of pools that are not written."""
    found = []
    for text in (text for spec in specs for text in spec.addresses):
        with suppress(ValueError):
            found.append(AddressRange.parse(canonical_range(text)))
    return tuple(found)


def _plain(part: str, text: str) -> str:
    try:
        return str(ip_address(part))
    except ValueError:
        raise ValueError(f"{text!r} is neither a CIDR nor a range of addresses") from None


def _allocation(spec: ServiceAllocation, about: About) -> tuple[dict[str, Any], list[Note]]:
    notes, made = [], {}
    if spec.priority:
        made["priority"] = min(max(spec.priority, 1), HIGHEST_PRIORITY)
        if made["priority"] != spec.priority:
            message = (
                f"{spec.priority} is written as {made['priority']}: ExaLB's priorities are 1 to {HIGHEST_PRIORITY}"
            )
            notes.append(about.differs("spec.serviceAllocation.priority", message))
    lists = {
        "namespaces": list(dict.fromkeys(spec.namespaces)),
        "namespaceSelectors": list(spec.namespace_selectors),
        "serviceSelectors": list(spec.service_selectors),
    }
    return made | {field: items for field, items in lists.items() if items}, notes


def _shared_across_namespaces(texts: list[str], services: Mapping[Key, Service]) -> tuple[Address, list[str]] | None:
    """Return the lowest address of the pool that Services of several namespaces share, and these namespaces."""
    ranges = [AddressRange.parse(text) for text in texts]
    sharers: dict[Address, set[str]] = {}
    for key, service in services.items():
        if service.is_load_balancer and service.request.sharing_key:
            for address in _of(service):
                sharers.setdefault(address, set()).add(key.namespace)
    shared = [
        (address.version, int(address), address)
        for address, namespaces in sharers.items()
        if len(namespaces) > 1 and any(address in part for part in ranges)
    ]
    if not shared:
        return None
    address = min(shared)[2]
    return address, sorted(sharers[address])


def _of(service: Service) -> Iterator[Address]:
    yield from {*service.held, *service.request.addresses}
