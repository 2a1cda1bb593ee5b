"""Finds the default gateways of a node in its routing tables, as Linux reports them. Pure.

Routes are messages of rtnetlink(7) (linux/rtnetlink.h): `/proc/net/route` shows neither an IPv6 next hop of an IPv4
route nor more than one next hop. Link-local addresses are lines of `/proc/net/if_inet6` (net/ipv6/addrconf.c).
"""

import struct
import sys
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from exalb.model.local_node import Gateway
from exalb_bgp.rib import Address
from exalb_bgp.session import Family
from exalb_process.netlink_messages import MESSAGE, attributes_of, parts

AF_INET, AF_INET6 = 2, 10
"""Families of addresses (linux/socket.h)."""
_FAMILIES = {AF_INET: Family.IPV4, AF_INET6: Family.IPV6}

_NEW_ROUTE = 24
_TABLE_MAIN, _UNICAST, _CLONED = 254, 1, 0x200
_OUTPUT_INTERFACE, _GATEWAY, _PRIORITY, _MULTIPATH, _VIA = 4, 5, 6, 9, 18
"""Attributes of a route."""
_UNUSABLE_NEXT_HOP = 0x01 | 0x10
"""Flags of a next hop that is dead, or whose link is down."""
_ROUTE, _NEXT_HOP = struct.Struct("=BBBBBBBBI"), struct.Struct("=HBBi")

_LINK = 0x20
"""Scope of a link-local address (linux/ipv6.h)."""
_UNUSABLE_ADDRESS = 0x08 | 0x40
"""Flags of an address that another node has, or whose uniqueness is not known yet (linux/if_addr.h)."""


class _Route(NamedTuple):
    """One next hop of a default route; the lowest is the one in use."""

    metric: int
    version: int
    gateway: int
    interface: int


def default_gateways(routes: bytes, interfaces: Mapping[int, str], own: Mapping[str, Address]) -> dict[Family, Gateway]:
    """Return the gateway of each family: the next hop of the best default route, of equal ones the lowest address.

    The gateway of IPv4 may be an IPv6 address. `routes` are messages of a dump, `interfaces` their names by index, and
    `own` the node's link-local addresses.
    """
    gateways: dict[Family, Gateway] = {}
    for number, family in _FAMILIES.items():
        best = min(_default_routes(routes, number), default=None)
        if best is None or best.interface not in interfaces:
            continue
        interface = interfaces[best.interface]
        address = IPv4Address(best.gateway) if best.version == 4 else IPv6Address(best.gateway)
        is_link_local = isinstance(address, IPv6Address) and address.is_link_local
        gateways[family] = Gateway(address, interface, own.get(interface) if is_link_local else None)
    return gateways


def _default_routes(routes: bytes, family: int) -> Iterator[_Route]:
    for head, body in parts(routes, MESSAGE):
        if head[1] != _NEW_ROUTE:
            continue
        its_family, length, source_length, _, table, _, _, route_type, flags = _ROUTE.unpack_from(body)
        is_default = (its_family, length, source_length, table, route_type) == (family, 0, 0, _TABLE_MAIN, _UNICAST)
        if not is_default or flags & (_CLONED | _UNUSABLE_NEXT_HOP):
            continue
        attributes = attributes_of(body[_ROUTE.size :])
        metric = int.from_bytes(attributes.get(_PRIORITY, b""), sys.byteorder)
        for interface, gateway in _next_hops(attributes):
            yield _Route(metric, gateway.version, int(gateway), interface)


def _next_hops(attributes: Mapping[int, bytes]) -> Iterator[tuple[int, Address]]:
    """Yield interface and gateway of each usable next hop that is a router."""
    interface = int.from_bytes(attributes.get(_OUTPUT_INTERFACE, b""), sys.byteorder)
    hops = [(interface, attributes)]
    for (_, flags, _, index), body in parts(attributes.get(_MULTIPATH, b""), _NEXT_HOP):
        if not flags & _UNUSABLE_NEXT_HOP:
            hops.append((index, attributes_of(body)))
    for index, its in hops:
        if _GATEWAY in its:
            yield index, ip_address(its[_GATEWAY])
        elif _VIA in its:
            # The first two octets are the family.
            yield index, ip_address(its[_VIA][2:])


def link_locals(addresses6: str) -> dict[str, Address]:
    """Return the lowest link-local address of each interface that is usable already."""
    lowest: dict[str, IPv6Address] = {}
    for fields in map(str.split, addresses6.splitlines()):
        if len(fields) >= 6 and int(fields[3], 16) == _LINK and not int(fields[4], 16) & _UNUSABLE_ADDRESS:
            address = IPv6Address(int(fields[0], 16))
            lowest[fields[5]] = min(address, lowest.get(fields[5], address))
    return dict(lowest)
