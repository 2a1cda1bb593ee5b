"""The interfaces of this machine that are on a LAN, as the kernel reports them (rtnetlink(7))."""

import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address, ip_interface

from exalb_l2.frames import Address
from exalb_l2.goal import Interface
from exalb_process import netlink
from exalb_process.netlink_messages import MESSAGE, attributes_of, parts

_GET_LINK, _NEW_LINK, _GET_ADDRESS, _NEW_ADDRESS = 18, 16, 22, 20
_CHANGES = 0x1 | 0x10 | 0x100
"""Groups of changes: links, IPv4 addresses, IPv6 addresses."""
_LINK, _ADDRESS = struct.Struct("=BxHiII"), struct.Struct("=BBBBi")
_BODY = 16
"""Octets of the body of a request."""
_MAC, _NAME, _MASTER = 1, 3, 10
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_ETHERNET = 1
_UP, _LOOPBACK, _POINT_TO_POINT, _NO_ARP, _CARRIER = 0x1, 0x8, 0x10, 0x80, 0x10000
_TENTATIVE, _DUPLICATE = 0x40, 0x08
_MOST = 16
"""Interfaces that are used at most."""


def listen() -> socket.socket:
    """Return a socket that is readable once interfaces or their addresses changed; raises OSError."""
    return netlink.listen(_CHANGES)


def interfaces() -> dict[str, tuple[int, Interface]]:
    """Return the interfaces on which addresses can be announced, by name, each with its index; raises OSError.

    They have a cable, ARP and an address of a subnet; a port of a bridge or a bond has none of its own to say.
    """
    return interfaces_of(_dump(_GET_LINK), _dump(_GET_ADDRESS))


def interfaces_of(links: bytes, addresses: bytes) -> dict[str, tuple[int, Interface]]:
    """Return the same from the messages of the two dumps."""
    own: dict[int, list[str]] = {}
    for index, address, length in _addresses(addresses):
        if not address.is_link_local and length < address.max_prefixlen:
            own.setdefault(index, []).append(f"{address}/{length}")
    found: dict[str, tuple[int, Interface]] = {}
    for index, name, mac in sorted(_links(links), key=lambda link: link[1]):
        if index in own and len(found) < _MOST:
            found[name] = index, Interface(name, mac, tuple(map(ip_interface, own[index])))
    return found


def owners() -> dict[Address, str]:
    """Return every address of this machine with the name of its interface; raises OSError."""
    names = dict(socket.if_nameindex())
    return {address: names.get(index, "") for index, address, _ in _addresses(_dump(_GET_ADDRESS))}


def _links(messages: bytes) -> Iterator[tuple[int, str, bytes]]:
    for head, body in parts(messages, MESSAGE):
        if head[1] != _NEW_LINK:
            continue
        _, kind, index, flags, _ = _LINK.unpack_from(body)
        attributes = attributes_of(body[_LINK.size :])
        fits = kind == _ETHERNET and flags & _UP and flags & _CARRIER
        if fits and not flags & (_LOOPBACK | _POINT_TO_POINT | _NO_ARP) and _MASTER not in attributes:
            yield index, attributes[_NAME].rstrip(b"\0").decode(errors="replace"), attributes[_MAC][:6]


def _addresses(messages: bytes) -> Iterator[tuple[int, Address, int]]:
    """Yield interface, address and the length of its subnet; no address that is not usable yet."""
    for head, body in parts(messages, MESSAGE):
        if head[1] != _NEW_ADDRESS:
            continue
        _, length, flags, _, index = _ADDRESS.unpack_from(body)
        attributes = attributes_of(body[_ADDRESS.size :])
        packed = attributes.get(_IFA_LOCAL, attributes.get(_IFA_ADDRESS))
        if packed is None or flags & (_TENTATIVE | _DUPLICATE):
            continue
        yield index, ip_address(packed), length


def _dump(kind: int) -> bytes:
    return netlink.dump(kind, socket.AF_UNSPEC, _BODY)
