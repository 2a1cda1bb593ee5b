"""The prefixes that a session announces, packed for the report of a speaker. Pure.

An entry stands for 256 addresses that differ in their last octet alone, and has a bit for each: in `198.51.100.0/24 Ag`
the base64 text `Ag` is one octet, 0b00000010, so 198.51.100.1 is announced. Octets that are zero at the end are left
out. An entry without bits is a prefix that is announced itself, such as an aggregate. So the report of five thousand
Services of one pool has twenty entries.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TypeAlias

from exalb.api.schema import MAX_ITEMS
from exalb_bgp.rib import Address, Prefix

Block: TypeAlias = tuple[int, int]
"""The version of an address, and the address without its last octet."""

_NOTHING: Mapping[Block, int] = {}


@dataclass(frozen=True, slots=True)
class Announced:
    """The prefixes that a session announces."""

    blocks: Mapping[Block, int]
    """The bits of each block with a host route."""
    others: frozenset[Prefix]
    """Prefixes that are no host routes."""

    def __contains__(self, address: Address) -> bool:
        """Whether some prefix has the address."""
        return self.has(address, *place(address))

    def has(self, address: Address, block: Block, bit: int) -> bool:
        """Whether some prefix has the address, which has this place."""
        if self.blocks.get(block, 0) >> bit & 1:
            return True
        return bool(self.others) and any(address in prefix for prefix in self.others)

    def changed(self, other: "Announced") -> Iterator[tuple[Block, int]]:
        """Yield the blocks with host routes that only one of the two has, with their bits."""
        for block in self.blocks.keys() | other.blocks.keys():
            bits = self.blocks.get(block, 0) ^ other.blocks.get(block, 0)
            if bits:
                yield block, bits


NOTHING = Announced(_NOTHING, frozenset())


def place(address: Address) -> tuple[Block, int]:
    """Return the block of an address, and the number of its bit."""
    number = int(address)
    return (address.version, number >> 8), number & 255


def _address(block: Block, bit: int) -> Address:
    # The integer alone would make a small IPv6 address an IPv4 one.
    version, high = block
    return ip_address((high << 8 | bit).to_bytes(4 if version == 4 else 16))


class Packing:
    """The entries of a table of prefixes that changes: a change costs what its entry costs."""

    def __init__(self) -> None:
        self._bits: dict[Block, int] = {}
        self._texts: dict[Block, str] = {}
        self._others: dict[Prefix, None] = {}

    def set(self, prefix: Prefix, *, there: bool) -> None:
        """Add a prefix, or remove it."""
        if prefix.prefixlen == prefix.max_prefixlen:
            block, bit = place(prefix.network_address)
            bits = self._bits.get(block, 0)
            self._set_bits(block, bits | 1 << bit if there else bits & ~(1 << bit))
        elif there:
            self._others[prefix] = None
        else:
            self._others.pop(prefix, None)

    def _set_bits(self, block: Block, bits: int) -> None:
        self._texts.pop(block, None)
        if bits:
            self._bits[block] = bits
        else:
            self._bits.pop(block, None)

    def entries(self) -> tuple[str, ...] | None:
        """Return the entries, in order; None if they are more than a report may have."""
        if len(self._bits) + len(self._others) > MAX_ITEMS:
            return None
        for block in self._bits.keys() - self._texts.keys():
            self._texts[block] = _entry(block, self._bits[block])
        others = sorted(self._others, key=lambda prefix: (prefix.version, prefix))
        return (*(self._texts[block] for block in sorted(self._texts)), *map(str, others))


def pack(prefixes: Iterable[Prefix]) -> tuple[str, ...] | None:
    """Return the entries for these prefixes, in order; None if they are more than a report may have."""
    packing = Packing()
    for prefix in prefixes:
        packing.set(prefix, there=True)
    return packing.entries()


def _entry(block: Block, bits: int) -> str:
    octets = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
    return f"{_address(block, 0)}/{24 if block[0] == 4 else 120} {b64encode(octets).decode().rstrip('=')}"


def unpack(entries: Iterable[str]) -> Announced | None:
    """Return what `pack` was given; None if these are no such entries."""
    blocks: dict[Block, int] = {}
    others: set[Prefix] = set()
    try:
        for entry in entries:
            prefix, _, text = entry.partition(" ")
            network = ip_network(prefix)
            if not text:
                others.add(network)
                continue
            octets = b64decode(text + "=" * (-len(text) % 4), validate=True)
            if len(octets) > 32 or network.num_addresses != 256:
                return None
            blocks[place(network.network_address)[0]] = int.from_bytes(octets, "little")
    except ValueError:
        return None
    return Announced(blocks, frozenset(others))
