"""The packets by which candidates for the same addresses know of each other: read and written. Pure.

A table that is too long for one packet is sent in parts.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from exalb_l2.frames import Address

PORT = 7484
"""UDP; packets are sent to an address in the LAN, with a TTL or hop limit of 255."""
_HEAD = struct.Struct("!4sBBIIBBB")
_MAGIC, _VERSION = b"ExL2", 1
_LEAVING, _REPLY = 1, 2
_HELD, _DECLINED = 0, 1
_COUNT = struct.Struct("!BBH")
_LENGTHS = {4: 4, 6: 16}
_PART = 60
"""Addresses in one packet at most: it fits into an MTU of 1280."""
_PARTS = 255


@dataclass(frozen=True, slots=True)
class Table:
    """The words of a node about the addresses for which it is a candidate on one LAN."""

    held: frozenset[Address] = frozenset()
    declined: frozenset[Address] = frozenset()
    """Addresses that it will not announce, whoever else fails."""
    leaving: bool = False
    """Whether its process ends: it announces nothing any longer."""


class Part(NamedTuple):
    """One packet."""

    node: str
    instance: int
    """Another number for each process."""
    sequence: int
    """The number of the table."""
    place: int
    places: int
    """Its number, from 0, among so many."""
    is_reply: bool
    """Whether it was sent only because the other node asked."""
    table: Table


def packets(node: str, instance: int, sequence: int, table: Table, *, is_reply: bool) -> Iterator[bytes]:
    """Yield the packets of a table; a table for more than a few thousand addresses is cut off."""
    entries = [(_HELD, address) for address in sorted(table.held, key=_order)]
    entries += [(_DECLINED, address) for address in sorted(table.declined, key=_order)]
    groups = [entries[start : start + _PART] for start in range(0, len(entries), _PART)][:_PARTS] or [[]]
    flags = (_LEAVING if table.leaving else 0) | (_REPLY if is_reply else 0)
    name = node.encode()
    for index, group in enumerate(groups):
        head = _HEAD.pack(_MAGIC, _VERSION, flags, instance, sequence, index, len(groups), len(name))
        yield head + name + b"".join(_section(group))


def read(data: bytes) -> Part:
    """Read a packet; raises ValueError."""
    try:
        magic, version, flags, instance, sequence, index, count, length = _HEAD.unpack_from(data)
        if (magic, version) != (_MAGIC, _VERSION) or index >= count:
            raise ValueError("no packet of this protocol")
        node = data[_HEAD.size : _HEAD.size + length].decode()
        entries = list(_entries(data, _HEAD.size + length))
    except (struct.error, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
    held = frozenset(address for kind, address in entries if kind == _HELD)
    declined = frozenset(address for kind, address in entries if kind == _DECLINED)
    table = Table(held, declined, bool(flags & _LEAVING))
    return Part(node, instance, sequence, index, count, bool(flags & _REPLY), table)


def joined(parts: Iterable[Part]) -> Table:
    """Return the table that was sent in these parts."""
    tables = [part.table for part in parts]
    held = frozenset[Address]().union(*(table.held for table in tables))
    declined = frozenset[Address]().union(*(table.declined for table in tables))
    return Table(held, declined, any(table.leaving for table in tables))


def _section(entries: Iterable[tuple[int, Address]]) -> Iterator[bytes]:
    groups: dict[tuple[int, int], list[bytes]] = {}
    for kind, address in entries:
        groups.setdefault((kind, address.version), []).append(address.packed)
    for (kind, version), packed in groups.items():
        yield _COUNT.pack(kind, version, len(packed)) + b"".join(packed)


def _entries(data: bytes, start: int) -> Iterator[tuple[int, Address]]:
    while start < len(data):
        kind, version, count = _COUNT.unpack_from(data, start)
        start += _COUNT.size
        length = _LENGTHS.get(version)
        if length is None or start + count * length > len(data):
            raise ValueError("malformed packet")
        for _ in range(count):
            packed = data[start : start + length]
            yield kind, IPv4Address(packed) if version == 4 else IPv6Address(packed)
            start += length


def _order(address: Address) -> tuple[int, int]:
    return address.version, int(address)
