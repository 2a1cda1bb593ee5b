"""Ethernet frames of ARP (RFC 826, RFC 5227) and of NDP (RFC 4861): read and written. Pure."""

import struct
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

ARP, IPV6 = 0x0806, 0x86DD
"""EtherTypes."""
_REQUEST, _REPLY = 1, 2
_ARP = struct.Struct("!6s6sHHHBBH6s4s6s4s")
_ARP_KIND = (1, 0x0800, 6, 4)
"""Ethernet, IPv4, and the lengths of their addresses."""
_HEAD = struct.Struct("!HHHBBH")
_REQUEST_HEAD, _REPLY_HEAD = (_HEAD.pack(ARP, *_ARP_KIND, operation) for operation in (_REQUEST, _REPLY))
_IPV6 = struct.Struct("!6s6sHIHBB16s16s")
_NDP = struct.Struct("!BBHI16s")
_ICMPV6, _SOLICITATION, _ADVERTISEMENT = 58, 135, 136
_HOP_LIMIT = 255
_OVERRIDE, _SOLICITED = 0x20000000, 0x40000000
_SOURCE_LINK, _TARGET_LINK = 1, 2
"""Options that carry a link-layer address, with the length 1 (8 octets)."""
_BROADCAST, _NO_MAC, _NO_ADDRESS = b"\xff" * 6, bytes(6), bytes(4)
_ALL_NODES, _ALL_NODES_MAC = IPv6Address("ff02::1"), bytes.fromhex("333300000001")
_UNSPECIFIED = IPv6Address("::")


class Asked(NamedTuple):
    """Somebody asks which MAC address `target` has."""

    target: Address
    mac: bytes
    """The MAC address of who asks."""
    source: Address
    """The address of who asks; unspecified where it looks for a duplicate (RFC 5227 §2.1.1, RFC 4862 §5.4)."""


class Claimed(NamedTuple):
    """Somebody says that it has `address`."""

    address: Address
    mac: bytes


def read(frame: bytes) -> Iterator[Asked | Claimed]:
    """Yield what a frame says; nothing for a frame of another kind, or a malformed one."""
    if len(frame) >= _ARP.size and frame[12:14] == b"\x08\x06":
        yield from _read_arp(frame)
    elif len(frame) >= _IPV6.size + _NDP.size and frame[12:14] == b"\x86\xdd":
        yield from _read_ndp(frame)


def _read_arp(frame: bytes) -> Iterator[Asked | Claimed]:
    *_, hardware, protocol, length, width, operation, mac, source, _, target = _ARP.unpack_from(frame)
    if (hardware, protocol, length, width) != _ARP_KIND or operation not in (_REQUEST, _REPLY):
        return
    if source != _NO_ADDRESS:
        yield Claimed(IPv4Address(source), mac)
    if operation == _REQUEST and source != target:
        yield Asked(IPv4Address(target), mac, IPv4Address(source))


def _read_ndp(frame: bytes) -> Iterator[Asked | Claimed]:
    _, sender, _, _, _, following, hops, source, _ = _IPV6.unpack_from(frame)
    kind, code, _, _, target = _NDP.unpack_from(frame, _IPV6.size)
    if (following, hops, code) != (_ICMPV6, _HOP_LIMIT, 0):
        return
    options = dict(_options(frame[_IPV6.size + _NDP.size :]))
    if kind == _SOLICITATION:
        yield Asked(IPv6Address(target), options.get(_SOURCE_LINK, sender), IPv6Address(source))
    elif kind == _ADVERTISEMENT:
        yield Claimed(IPv6Address(target), options.get(_TARGET_LINK, sender))


def _options(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and link-layer address of each option."""
    while len(data) >= 8 and data[1]:
        yield data[0], data[2:8]
        data = data[8 * data[1] :]


def answer(asked: Asked, mac: bytes) -> bytes:
    """Return the frame that says, to the host that asked, that the address is at `mac`."""
    if isinstance(asked.target, IPv4Address):
        return _arp(asked.mac, mac, _REPLY, asked.target, (asked.mac, asked.source.packed))
    if asked.source == _UNSPECIFIED:
        return _advertisement(_ALL_NODES_MAC, mac, asked.target, _ALL_NODES, _OVERRIDE)
    return _advertisement(asked.mac, mac, asked.target, IPv6Address(asked.source), _OVERRIDE | _SOLICITED)


class PreparedReplies:
    """The replies to ARP requests for some addresses as octets: a frame is answered without being taken apart."""

    def __init__(self, mac: bytes) -> None:
        self._mac = mac
        self._middles: dict[bytes, bytes] = {}

    def prepare(self, addresses: Iterable[Address]) -> None:
        """Answer for these addresses, in place of those before."""
        packed = (address.packed for address in addresses if isinstance(address, IPv4Address))
        self._middles = {target: self._mac + _REPLY_HEAD + self._mac + target for target in packed}

    def to(self, frame: bytes) -> bytes | None:
        """Return the reply to a request of a host for an address; None for every other frame."""
        middle = self._middles.get(frame[38:42])
        if middle is None or frame[12:22] != _REQUEST_HEAD:
            return None
        asker = frame[22:32]
        return asker[:6] + middle + asker


def announcements(address: Address, mac: bytes) -> tuple[bytes, ...]:
    """Return the frames that make all hosts of a LAN replace what they know of an address.

    Linux takes a reply within a second of the last change only where its target MAC address is the sender's; other
    systems take the request (RFC 5227 §3).
    """
    if isinstance(address, IPv6Address):
        return (_advertisement(_ALL_NODES_MAC, mac, address, _ALL_NODES, _OVERRIDE),)
    return (
        _arp(_BROADCAST, mac, _REQUEST, address, (_NO_MAC, address.packed)),
        _arp(_BROADCAST, mac, _REPLY, address, (mac, address.packed)),
    )


def probe(address: Address, mac: bytes) -> bytes:
    """Return the frame that asks whether anybody has an address, and changes no cache (RFC 5227, RFC 4862)."""
    if isinstance(address, IPv4Address):
        return _ARP.pack(_BROADCAST, mac, ARP, *_ARP_KIND, _REQUEST, mac, _NO_ADDRESS, _NO_MAC, address.packed)
    group = solicited_node(address)
    body = _NDP.pack(_SOLICITATION, 0, 0, 0, address.packed)
    return _ndp(b"\x33\x33" + group.packed[12:], mac, _UNSPECIFIED, group, body)


def solicited_node(address: IPv6Address) -> IPv6Address:
    """Return the group in which hosts ask for an address (RFC 4291 §2.7.1)."""
    return IPv6Address(bytes.fromhex("ff0200000000000000000001ff") + address.packed[13:])


def _arp(to: bytes, mac: bytes, operation: int, address: IPv4Address, target: tuple[bytes, bytes]) -> bytes:
    return _ARP.pack(to, mac, ARP, *_ARP_KIND, operation, mac, address.packed, *target)


def _advertisement(to: bytes, mac: bytes, address: IPv6Address, destination: IPv6Address, flags: int) -> bytes:
    body = _NDP.pack(_ADVERTISEMENT, 0, 0, flags, address.packed) + bytes((_TARGET_LINK, 1)) + mac
    return _ndp(to, mac, address, destination, body)


def _ndp(to: bytes, mac: bytes, source: IPv6Address, destination: IPv6Address, body: bytes) -> bytes:
    pseudo = source.packed + destination.packed + struct.pack("!II", len(body), _ICMPV6)
    body = body[:2] + struct.pack("!H", _checksum(pseudo + body)) + body[4:]
    version = 6 << 28
    head = _IPV6.pack(to, mac, IPV6, version, len(body), _ICMPV6, _HOP_LIMIT, source.packed, destination.packed)
    return head + body


def _checksum(data: bytes) -> int:
    """Return the checksum of an even number of octets (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total
