"""IPAddressPool: addresses that may be assigned, and the Services that may get them."""

from functools import cached_property
from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from exalb.api.address_ranges import UNUSABLE, AddressRange
from exalb.api.schema import (
    MAX_ITEMS,
    Conditions,
    Flag,
    IPText,
    LabelSelectors,
    Model,
    Name,
    Names,
    ObservedGeneration,
    cel,
    rules,
)


def _is_range(text: str) -> str:
    AddressRange.parse(text)
    return text


_LOW, _HIGH = (f"self.split('-')[{index}].trim()" for index in (0, 1))
_RANGE = f"size(self.split('-')) == 2 && isIP({_LOW}) && isIP({_HIGH})"
_NO_SERVICE = "contains addresses that no Service can use"
_UNICAST = f"{_NO_SERVICE}: loopback, link-local, multicast or broadcast ones"
_HOLDS = "cidr('{0}').containsCIDR(self) || cidr(self).containsCIDR('{0}')"
_WHICH = " : ".join(f"{_HOLDS.format(block)} ? '{_NO_SERVICE}: {block}'" for block in UNUSABLE[:-1])

# CEL has no order of addresses. IPv4 addresses are compared as numbers. IPv6 addresses are compared part by part as
# text if both ends have the same form: as many parts, in small letters. The controller finds the other mistakes.
_COUNTED = [" + ".join(f"int({end}.split('.')[{n}]) * {256 ** (3 - n)}" for n in range(4)) for end in (_LOW, _HIGH)]
_PARTS = [f"{end}.split(':')" for end in (_LOW, _HIGH)]
_DIGITS = [f"'0000'.substring(size({parts}[i])) + {parts}[i]" for parts in _PARTS]
_FIRST_DIFFERENCE_IS_DOWN = (
    f"{list(range(8))}.exists(i, i < size({_PARTS[0]}) && {_DIGITS[0]} > {_DIGITS[1]}"
    f" && {list(range(7))}.all(j, j >= i || {_PARTS[0]}[j] == {_PARTS[1]}[j]))"
)
_ALIKE = f"!self.contains('.') && self == self.lowerAscii() && size({_PARTS[0]}) == size({_PARTS[1]})"
_BACKWARDS = "ends before it starts: write the lower address first"

AddressText = Annotated[
    str,
    AfterValidator(_is_range),
    Field(
        max_length=93,
        json_schema_extra=rules(
            cel(
                f"isCIDR(self) || {_RANGE}",
                "is neither a CIDR such as 198.51.100.0/24 nor a range such as 198.51.100.10-198.51.100.20",
            ),
            cel(
                "!isCIDR(self) || cidr(self).masked() == cidr(self)",
                "has host bits set: write the network address, such as 198.51.100.0/24",
            ),
            cel(
                f"!isCIDR(self) || {[str(block) for block in UNUSABLE]}.all(block,"
                " !cidr(block).containsCIDR(self) && !cidr(self).containsCIDR(block))",
                _UNICAST,
                messageExpression=f"{_WHICH} : '{_NO_SERVICE}: {UNUSABLE[-1]}'",
            ),
            cel(
                f"!({_RANGE}) || ip({_LOW}).isGlobalUnicast() && ip({_HIGH}).isGlobalUnicast()"
                f" && !{_LOW}.startsWith('0.') && !{_HIGH}.startsWith('0.')",
                _UNICAST,
            ),
            cel(
                f"!({_RANGE}) || ip({_LOW}).family() == ip({_HIGH}).family()",
                "mixes address families: write one family per range",
            ),
            cel(f"self.contains(':') || !({_RANGE}) || {_COUNTED[0]} <= {_COUNTED[1]}", _BACKWARDS),
            cel(f"!({_RANGE}) || !({_ALIKE}) || !{_FIRST_DIFFERENCE_IS_DOWN}", _BACKWARDS),
        ),
    ),
]


class ServiceAllocation(Model):
    """The Services that a pool serves. Namespace condition and Service condition must both hold."""

    priority: Annotated[int, Field(strict=True, ge=0, le=2147483647)] | None = None
    """Lower goes first; 0 and unset go last, as in MetalLB."""
    namespaces: Names = ()
    """Namespaces by name; a namespace may also match by `namespaceSelectors`."""
    namespace_selectors: LabelSelectors = ()
    """Namespaces by their labels; with `namespaces`: those that either names or selects."""
    service_selectors: LabelSelectors = ()
    """Services by their labels."""


class Reservation(Model):
    """An address reserved for one Service or one namespace, even while the Service does not exist."""

    address: IPText
    """The address that is reserved."""
    namespace: Name
    """The namespace that it is reserved for."""
    service: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """Unset reserves the address for any Service of the namespace."""


class IPAddressPoolSpec(Model):
    """The desired state of an IPAddressPool."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "!has(self.reservations) || !self.reservations.all(r, isIP(r.address)) || self.reservations.all(r,"
                " self.reservations.exists_one(other, ip(other.address) == ip(r.address)))",
                "an address can be reserved only once: remove one of the entries",
                fieldPath=".reservations",
            )
        )
    )

    addresses: Annotated[tuple[AddressText, ...], Field(min_length=1, max_length=MAX_ITEMS)]
    """CIDRs and ranges, IPv4 and IPv6."""
    auto_assign: Flag = True
    """Whether Services that request no pool may get an address from this pool."""
    avoid_buggy_ips: Annotated[Flag, Field(alias="avoidBuggyIPs")] = False
    """Never assign IPv4 addresses that end in .0 or .255."""
    disabled: Flag = False
    """Keep the assigned addresses, and assign no new ones."""
    service_allocation: ServiceAllocation | None = None
    """The Services that the pool serves; unset means all."""
    allow_cross_namespace_sharing: Flag = False
    """Whether Services of several namespaces may share an address without naming each other's namespace."""
    reservations: Annotated[tuple[Reservation, ...], Field(max_length=64)] = ()
    """Addresses reserved for one Service or namespace."""
    quota_per_namespace: Annotated[int, Field(strict=True, ge=1, le=2147483647)] | None = None
    """How many addresses of this pool one namespace may hold."""

    @cached_property
    def ranges(self) -> tuple[AddressRange, ...]:
        """The addresses, parsed, in the order of the spec."""
        return tuple(AddressRange.parse(text) for text in self.addresses)

    @model_validator(mode="after")
    def _no_range_twice(self) -> "IPAddressPoolSpec":
        for index, address_range in enumerate(self.ranges):
            for other_index in range(index):
                if address_range.overlaps(self.ranges[other_index]):
                    pair = f"{self.addresses[index]!r} and {self.addresses[other_index]!r}"
                    raise ValueError(f"addresses: {pair} overlap: write each address once")
        return self

    @model_validator(mode="after")
    def _reserved_once(self) -> "IPAddressPoolSpec":
        seen = [ip_address(reservation.address) for reservation in self.reservations]
        if len(set(seen)) != len(seen):
            raise ValueError("reservations: an address can be reserved only once: remove one of the entries")
        return self


class FamilyUse(Model):
    """How much of one address family is in use. Counts are text-safe: never negative, at most 2^63-1."""

    capacity: int = 0
    """How many addresses the pool has."""
    assigned: int = 0
    """How many of them are assigned to Services."""
    available: int = 0
    """How many are free."""


class IPAddressPoolStatus(Model):
    """The observed state of an IPAddressPool."""

    ipv4: FamilyUse | None = None
    """The IPv4 addresses; unset where the pool has none."""
    ipv6: FamilyUse | None = None
    """The IPv6 addresses; unset where the pool has none."""
    usage: Annotated[str, Field(max_length=128)] | None = None
    """Assigned and all addresses of each family, for the column of `kubectl get`."""
    addresses: Annotated[str, Field(max_length=512)] | None = None
    """The first addresses of the spec, for the column of `kubectl get`."""
    observed_generation: ObservedGeneration = None
    """The `metadata.generation` of the object that this status describes; -1 before the first report."""
    conditions: Conditions = ()
    """Ready: whether the pool is active, or why not; Effective: whether every setting has an effect."""
