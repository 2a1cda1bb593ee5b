"""BGP messages, read from a stream of bytes and made: the parts of RFC 4271 and RFC 4760 that show routes."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Network, IPv6Network

from exalb_bgp.rib import Address, Community, Prefix
from exalb_bgp.session import Family

MARKER = b"\xff" * 16
HEADER = 19
COMMUNITIES, MP_REACH, MP_UNREACH = 8, 14, 15
EXTENDED_LENGTH = 0x10
AFI = {1: Family.IPV4, 2: Family.IPV6}
UNICAST = 1
AS_TRANS = 23456
CAPABILITIES = (bytes([1, 4, 0, 1, 0, 1]), bytes([1, 4, 0, 2, 0, 1]), bytes([2, 0]))
"""IPv4 and IPv6 unicast (RFC 4760 §8), and route refresh (RFC 2918)."""


class Kind(IntEnum):
    """Types of messages (RFC 4271 §4.1, RFC 2918)."""

    OPEN = 1
    UPDATE = 2
    NOTIFICATION = 3
    KEEPALIVE = 4
    ROUTE_REFRESH = 5


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it passed."""

    time: float
    """When its last byte passed, by the kernel's clock: UNIX time in seconds."""
    source: Address
    destination: Address
    kind: Kind
    announced: frozenset[Prefix] = frozenset()
    withdrawn: frozenset[Prefix] = frozenset()
    end_of_rib: Family | None = None
    """RFC 4724 §2: this UPDATE says that all initial routes were sent."""
    communities: frozenset[Community] = frozenset()
    error: bytes = b""
    """Code and subcode of a NOTIFICATION (RFC 4271 §4.5)."""


def framed(kind: int, body: bytes = b"", *, length: int | None = None, marker: bytes = MARKER) -> bytes:
    """Make a message (RFC 4271 §4.1); on demand it lies about its length, or has another marker."""
    return marker + struct.pack("!HB", HEADER + len(body) if length is None else length, kind) + body


def opening(asn: int, router_id: bytes, *capabilities: bytes, hold_time: int = 90) -> bytes:
    """Make an OPEN that offers what `CAPABILITIES` says, AS numbers of four octets (RFC 6793), and these."""
    offered = (*CAPABILITIES, bytes([65, 4]) + struct.pack("!I", asn), *capabilities)
    options = b"".join(bytes([2, len(capability)]) + capability for capability in offered)
    two_octets = asn if asn <= 0xFFFF else AS_TRANS
    head = struct.pack("!BHH4sB", 4, two_octets, hold_time, router_id, len(options))
    return framed(Kind.OPEN, head + options)


def split(stream: bytearray) -> Iterator[tuple[Kind, bytes]]:
    """Take every whole message off the front of a stream; bytes before a first marker are skipped."""
    while True:
        if (start := stream.find(MARKER)) < 0:
            return
        del stream[:start]
        if len(stream) < HEADER:
            return
        length, kind = struct.unpack_from("!HB", stream, len(MARKER))
        if len(stream) < length:
            return
        yield Kind(kind), bytes(stream[HEADER:length])
        del stream[:length]


def decode(time: float, source: Address, destination: Address, kind: Kind, body: bytes) -> Message:
    """Make a message of its body; only UPDATEs and NOTIFICATIONs are looked into."""
    if kind is not Kind.UPDATE:
        return Message(time, source, destination, kind, error=body[:2] if kind is Kind.NOTIFICATION else b"")
    (withdrawn_length,) = struct.unpack_from("!H", body)
    (attributes_length,) = struct.unpack_from("!H", body, 2 + withdrawn_length)
    attributes_at = 4 + withdrawn_length
    withdrawn = set(_prefixes(body[2 : 2 + withdrawn_length], Family.IPV4))
    announced = set(_prefixes(body[attributes_at + attributes_length :], Family.IPV4))
    end_of_rib = Family.IPV4 if len(body) == 4 else None
    communities: set[Community] = set()
    for code, value in _attributes(body[attributes_at : attributes_at + attributes_length]):
        if code == COMMUNITIES:
            communities.update(Community(*pair) for pair in struct.iter_unpack("!HH", value))
        if code not in {MP_REACH, MP_UNREACH}:
            continue
        afi, safi = struct.unpack_from("!HB", value)
        if afi not in AFI or safi != UNICAST:
            continue
        if code == MP_UNREACH:
            withdrawn.update(_prefixes(value[3:], AFI[afi]))
            end_of_rib = AFI[afi] if len(value) == 3 else end_of_rib
        else:
            announced.update(_prefixes(value[3 + 1 + value[3] + 1 :], AFI[afi]))
    routes = frozenset(announced), frozenset(withdrawn), end_of_rib, frozenset(communities)
    return Message(time, source, destination, kind, *routes)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        flags, code = data[at], data[at + 1]
        size = 2 if flags & EXTENDED_LENGTH else 1
        length = int.from_bytes(data[at + 2 : at + 2 + size])
        at += 2 + size
        yield code, data[at : at + length]
        at += length


def _prefixes(data: bytes, family: Family) -> Iterator[Prefix]:
    """Read NLRI (RFC 4271 §4.3): a length in bits, then as many bytes as hold them."""
    at = 0
    while at < len(data):
        bits = data[at]
        size = (bits + 7) // 8
        packed = data[at + 1 : at + 1 + size]
        at += 1 + size
        if family is Family.IPV4:
            yield IPv4Network((packed.ljust(4, b"\0"), bits))
        else:
            yield IPv6Network((packed.ljust(16, b"\0"), bits))
