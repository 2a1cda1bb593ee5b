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
_IPV6_TYPE, _ARP_TYPE = IPV6.to_bytes(2), ARP.to_bytes(2)
_ICMPV6, _SOLICITATION, _ADVERTISEMENT = 58, 135, 136
_HOP_LIMIT = 255
_OVERRIDE, _SOLICITED = 0x20000000, 0x40000000
_SOURCE_LINK, _TARGET_LINK = 1, 2
"""Options that carry a link-layer address, with the length 1 (8 octets)."""
_BROADCAST, _NO_MAC, _NO_ADDRESS = b"\xff" * 6, bytes(6), bytes(4)
_ALL_NODES, _ALL_NODES_MAC = IPv6Address("ff02::1"), bytes.fromhex("333300000001")
_UNSPECIFIED = IPv6Address("::")
_SOLICITED_NODE = bytes.fromhex("ff0200000000000000000001ff")
"""The first octets of a group in which hosts ask for addresses (RFC 4291 §2.7.1)."""


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


class _Message(NamedTuple):
    """A message of NDP, in octets."""

    kind: int
    target: bytes
    source: bytes
    mac: bytes
    """The MAC address that the sender says to have; without an option, that from which the frame came."""


def read(frame: bytes) -> Iterator[Asked | Claimed]:
    """Yield what a frame says; nothing for a frame of another kind, or a malformed one."""
    if len(frame) >= _ARP.size and frame[12:14] == _ARP_TYPE:
        yield from _read_arp(frame)
    elif message := _message(frame):
        target = IPv6Address(message.target)
        if message.kind == _SOLICITATION:
            yield Asked(target, message.mac, IPv6Address(message.source))
        else:
            yield Claimed(target, message.mac)


def ether_type(address: Address) -> int:
    """Return the EtherType of the frames in which hosts ask for an address."""
    return ARP if address.version == 4 else IPV6


def claimed(frame: bytes) -> bytes:
    """Return the octets of the address that the sender of a frame may say to have; `read` finds whether it does."""
    if frame[12:14] == _ARP_TYPE:
        return frame[28:32]
    return frame[62:78] if frame[54:55] == bytes((_ADVERTISEMENT,)) else b""


def _read_arp(frame: bytes) -> Iterator[Asked | Claimed]:
    *_, hardware, protocol, length, width, operation, mac, source, _, target = _ARP.unpack_from(frame)
    if (hardware, protocol, length, width) != _ARP_KIND or operation not in (_REQUEST, _REPLY):
        return
    if source != _NO_ADDRESS:
        yield Claimed(IPv4Address(source), mac)
    if operation == _REQUEST and source != target:
        yield Asked(IPv4Address(target), mac, IPv4Address(source))


def _message(frame: bytes) -> _Message | None:
    """Read a solicitation or an advertisement; None for all that hosts must ignore (RFC 4861 §7.1)."""
    if len(frame) < _IPV6.size + _NDP.size or frame[12:14] != _IPV6_TYPE:
        return None
    _, sender, _, _, length, following, hops, source, destination = _IPV6.unpack_from(frame)
    kind, code, _, _, target = _NDP.unpack_from(frame, _IPV6.size)
    if (following, hops, code) != (_ICMPV6, _HOP_LIMIT, 0) or kind not in (_SOLICITATION, _ADVERTISEMENT):
        return None
    end = _IPV6.size + length
    options = _options(frame[_IPV6.size + _NDP.size : end])
    if options is None or not _NDP.size <= length <= len(frame) - _IPV6.size or _checksum(frame[22:end], length):
        return None
    if kind == _ADVERTISEMENT:
        return _Message(kind, target, source, options.get(_TARGET_LINK, sender))
    if source == _UNSPECIFIED.packed and (_SOURCE_LINK in options or not destination.startswith(_SOLICITED_NODE)):
        return None
    return _Message(kind, target, source, options.get(_SOURCE_LINK, sender))


def _options(data: bytes) -> dict[int, bytes] | None:
    """Return the link-layer address in each kind of option; None where one has no length, or is cut off."""
    found: dict[int, bytes] = {}
    while data:
        length = 8 * data[1] if len(data) >= 8 else 0
        if not 0 < length <= len(data):
            return None
        found[data[0]] = data[2:8]
        data = data[length:]
    return found


def answer(asked: Asked, mac: bytes) -> bytes:
    """Return the frame that says, to the host that asked, that the address is at `mac`."""
    if isinstance(asked.target, IPv4Address):
        return _arp(asked.mac, mac, _REPLY, asked.target, (asked.mac, asked.source.packed))
    if asked.source == _UNSPECIFIED:
        return _advertisement(_ALL_NODES_MAC, mac, asked.target, _ALL_NODES, _OVERRIDE)
    return _advertisement(asked.mac, mac, asked.target, IPv6Address(asked.source), _OVERRIDE | _SOLICITED)


class PreparedReplies:
    """The replies to questions for some addresses as octets: a frame is answered without objects of addresses."""

    def __init__(self, mac: bytes) -> None:
        self._mac = mac
        self._middles: dict[bytes, bytes] = {}
        """Of ARP, by target: all between two copies of the MAC address of who asks."""
        self._advertisements: dict[bytes, tuple[bytes, bytes]] = {}
        """Of NDP, by target: a frame to nobody yet, and the frame to all."""

    def prepare(self, addresses: Iterable[Address]) -> None:
        """Answer for these addresses, in place of those before."""
        middles, advertisements = dict[bytes, bytes](), dict[bytes, tuple[bytes, bytes]]()
        for address in addresses:
            target = address.packed
            if isinstance(address, IPv4Address):
                middles[target] = self._mac + _REPLY_HEAD + self._mac + target
            else:
                advertisements[target] = self._advertisements.get(target) or (
                    _advertisement(bytes(6), self._mac, address, _UNSPECIFIED, _OVERRIDE | _SOLICITED),
                    answer(Asked(address, bytes(6), _UNSPECIFIED), self._mac),
                )
        self._middles, self._advertisements = middles, advertisements

    def to(self, frame: bytes) -> bytes | None:
        """Return the reply to a question of a host for an address; None for every other frame."""
        if frame[12:22] == _REQUEST_HEAD:
            middle, asker = self._middles.get(frame[38:42]), frame[22:32]
            return asker[:6] + middle + asker if middle else None
        prepared = self._advertisements.get(frame[62:78])
        asked = _message(frame) if prepared else None
        if prepared is None or asked is None or asked.kind != _SOLICITATION:
            return None
        to_one, to_all = prepared
        if asked.source == _UNSPECIFIED.packed:
            return to_all
        # A checksum of numbers of 16 bits is one of longer numbers, too: the source adds to it as a whole.
        checksum = (int.from_bytes(to_one[56:58]) - int.from_bytes(asked.source)) % 0xFFFF
        return asked.mac + to_one[6:38] + asked.source + to_one[54:56] + checksum.to_bytes(2) + to_one[58:]


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
    return IPv6Address(_SOLICITED_NODE + address.packed[13:])


def _arp(to: bytes, mac: bytes, operation: int, address: IPv4Address, target: tuple[bytes, bytes]) -> bytes:
    return _ARP.pack(to, mac, ARP, *_ARP_KIND, operation, mac, address.packed, *target)


def _advertisement(to: bytes, mac: bytes, address: IPv6Address, destination: IPv6Address, flags: int) -> bytes:
    body = _NDP.pack(_ADVERTISEMENT, 0, 0, flags, address.packed) + bytes((_TARGET_LINK, 1)) + mac
    return _ndp(to, mac, address, destination, body)


def _ndp(to: bytes, mac: bytes, source: IPv6Address, destination: IPv6Address, body: bytes) -> bytes:
    checksum = _checksum(source.packed + destination.packed + body, len(body))
    head = _IPV6.pack(to, mac, IPV6, 6 << 28, len(body), _ICMPV6, _HOP_LIMIT, source.packed, destination.packed)
    return head + body[:2] + checksum.to_bytes(2) + body[4:]


def _checksum(octets: bytes, length: int) -> int:
    """Return the checksum (RFC 1071) of both addresses and a message of ICMPv6; 0 where it has the right one."""
    return -(int.from_bytes(octets) + length + _ICMPV6) % 0xFFFF
