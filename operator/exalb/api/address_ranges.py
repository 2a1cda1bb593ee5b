"""Ranges of addresses as operators write them: `198.51.100.0/24`, `198.51.100.10-198.51.100.20`, IPv6 alike. Pure."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from exalb_bgp.rib import Address, Prefix
from exalb_bgp.session import Family


def parse_address(text: str) -> Address:
    """Read one address; raise ValueError with a message for people. Zones are refused: an address has one value."""
    try:
        address = ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address: write it like 203.0.113.1 or 2001:db8::1") from None
    if isinstance(address, IPv6Address) and (address.scope_id is not None or address.ipv4_mapped):
        raise ValueError(f"{text!r} is not an IP address: write it without zone or embedded IPv4 address")
    return address


def make_address(family: Family, number: int) -> Address:
    """Return the address of `family` whose value is `number`."""
    return IPv4Address(number) if family is Family.IPV4 else IPv6Address(number)


UNUSABLE = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "255.255.255.255/32",
        "::/127",
        "fe80::/10",
        "ff00::/8",
    )
)
"""Blocks that Services cannot use: this network, loopback, link-local, multicast, broadcast (RFC 1122, RFC 4291)."""
MAPPED = ip_network("::ffff:0:0/96")
"""IPv4-mapped IPv6 addresses (RFC 4291 §2.5.5.2): the API server reads them as IPv4, so no CEL rule has this block."""


@dataclass(frozen=True, slots=True, order=True)
class AddressRange:
    """All addresses of one family from `first` to `last`, both included, as numbers. Never enumerated."""

    version: int
    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> "AddressRange":
        """Read a CIDR or `first-last`; raise ValueError with a message for people."""
        low, dash, high = text.partition("-")
        found = cls._between(low.strip(), high.strip(), text) if dash else cls._cidr(text)
        for block in (*UNUSABLE, MAPPED):
            if found.overlaps(cls.of(block)):
                raise ValueError(f"{text!r} contains addresses that no Service can use: {block}")
        return found

    @classmethod
    def of(cls, network: Prefix) -> "AddressRange":
        """Return all addresses of `network`."""
        return cls(network.version, int(network.network_address), int(network.broadcast_address))

    @classmethod
    def _between(cls, low: str, high: str, text: str) -> "AddressRange":
        first, last = _address(low, text), _address(high, text)
        if first.version != last.version:
            raise ValueError(f"{text!r} mixes address families: write one family per range")
        if int(first) > int(last):
            raise ValueError(f"{text!r} ends before it starts: write the lower address first")
        return cls(first.version, int(first), int(last))

    @classmethod
    def _cidr(cls, text: str) -> "AddressRange":
        address, _, length = text.partition("/")
        try:
            network = ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f"{text!r} is neither {_A_CIDR} nor {_A_RANGE}") from None
        if length != str(network.prefixlen):
            raise ValueError(f"{text!r} is neither {_A_CIDR} nor {_A_RANGE}: write {network}")
        if _address(address, text) != network.network_address:
            raise ValueError(f"{text!r} has host bits set: write {network}")
        return cls.of(network)

    @property
    def family(self) -> Family:
        """The address family of the range."""
        return Family.IPV4 if self.version == 4 else Family.IPV6

    @property
    def low(self) -> Address:
        """The first address."""
        return make_address(self.family, self.first)

    @property
    def high(self) -> Address:
        """The last address."""
        return make_address(self.family, self.last)

    @property
    def size(self) -> int:
        """How many addresses there are."""
        return self.last - self.first + 1

    def __contains__(self, address: Address) -> bool:
        """Return whether the range contains `address`."""
        return self.version == address.version and self.first <= int(address) <= self.last

    def overlaps(self, other: "AddressRange") -> bool:
        """Return whether the ranges have a common address."""
        return self.version == other.version and self.first <= other.last and other.first <= self.last

    def without(self, other: "AddressRange") -> Iterator["AddressRange"]:
        """Yield the parts of the range that are not in `other`, lowest first."""
        if not self.overlaps(other):
            yield self
            return
        if self.first < other.first:
            yield AddressRange(self.version, self.first, other.first - 1)
        if other.last < self.last:
            yield AddressRange(self.version, other.last + 1, self.last)

    def covers(self, prefix: Prefix) -> bool:
        """Return whether every address of `prefix` is in the range."""
        first = int(prefix.network_address)
        last = first | ((1 << prefix.max_prefixlen - prefix.prefixlen) - 1)  # `broadcast_address` stays in its prefix
        return self.version == prefix.version and self.first <= first and last <= self.last

    def __str__(self) -> str:
        """Write it as `first-last`."""
        return f"{self.low}-{self.high}"


def readable_ranges(cidrs: Iterable[object]) -> tuple[AddressRange, ...]:
    """Return the ranges of `cidrs`, without those that cannot be read."""
    found: list[AddressRange] = []
    for cidr in cidrs:
        with contextlib.suppress(ValueError):
            found.append(AddressRange.of(ip_network(str(cidr), strict=False)))
    return tuple(found)


_A_CIDR, _A_RANGE = "a CIDR such as 198.51.100.0/24", "a range such as 198.51.100.10-198.51.100.20"


def _address(text: str, whole: str) -> Address:
    try:
        return parse_address(text)
    except ValueError as error:
        raise ValueError(f"{whole!r} is neither {_A_CIDR} nor {_A_RANGE}: {error}") from None


def address_order(address: Address) -> tuple[int, int]:
    """Sort addresses by family and number."""
    return address.version, int(address)


def prefix_order(prefix: Prefix) -> tuple[int, int, int]:
    """Sort prefixes by family, address and length."""
    return prefix.version, int(prefix.network_address), prefix.prefixlen
