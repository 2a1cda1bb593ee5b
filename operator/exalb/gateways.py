"""The default routers of a node, out of what Linux shows of its routing tables. Pure.

Formats: `/proc/net/route`, `/proc/net/ipv6_route` and `/proc/net/if_inet6` (proc(5) and Linux, net/ipv4/fib_trie.c,
net/ipv6/route.c, net/ipv6/addrconf.c).
"""

import struct
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from exalb.host import Gateway
from exalb_bgp.rib import Address
from exalb_bgp.session import Family

_UP, _GATEWAY, _REJECT = 0x1, 0x2, 0x200
"""Flags of a route (linux/route.h)."""
_LINK = 0x20
"""Scope of a link-local address (linux/ipv6.h)."""
_UNUSABLE = 0x08 | 0x40
"""Flags of an address that another node has, or whose uniqueness is not known yet (linux/if_addr.h)."""


class _Route(NamedTuple):
    """One default route; the lowest is the one in use."""

    metric: int
    gateway: Address
    interface: str


def default_gateways(routes: str, routes6: str, addresses6: str) -> dict[Family, Gateway]:
    """Return the router of each family that the best default route leads to; of equal ones the lowest address."""
    found: dict[Family, Gateway] = {}
    if best := min(_ipv4(routes.splitlines()), default=None):
        found[Family.IPV4] = Gateway(best.gateway, best.interface)
    if best := min(_ipv6(routes6.splitlines()), default=None):
        own = link_locals(addresses6).get(best.interface)
        found[Family.IPV6] = Gateway(best.gateway, best.interface, own if best.gateway.is_link_local else None)
    return found


def _ipv4(lines: Iterable[str]) -> Iterator[_Route]:
    for fields in map(str.split, lines):
        # The first line names the columns.
        if len(fields) < 8 or fields[1] != "0" * 8 or fields[7] != "0" * 8 or not _leads_on(fields[3]):
            continue
        # A number in the machine's own order, made of bytes in the network's.
        gateway = IPv4Address(struct.pack("=I", int(fields[2], 16)))
        yield _Route(int(fields[6]), gateway, fields[0])


def _ipv6(lines: Iterable[str]) -> Iterator[_Route]:
    for fields in map(str.split, lines):
        if len(fields) < 10 or fields[0] != "0" * 32 or fields[1] != "00" or not _leads_on(fields[8]):
            continue
        yield _Route(int(fields[5], 16), IPv6Address(int(fields[4], 16)), fields[9])


def _leads_on(flags: str) -> bool:
    return int(flags, 16) & (_UP | _GATEWAY | _REJECT) == _UP | _GATEWAY


def link_locals(addresses6: str) -> dict[str, Address]:
    """Return the lowest link-local address of each interface that is usable already."""
    found: dict[str, IPv6Address] = {}
    for fields in map(str.split, addresses6.splitlines()):
        if len(fields) >= 6 and int(fields[3], 16) == _LINK and not int(fields[4], 16) & _UNUSABLE:
            address = IPv6Address(int(fields[0], 16))
            found[fields[5]] = min(address, found.get(fields[5], address))
    return dict(found)
