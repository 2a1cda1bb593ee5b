"""Reads the routes of this machine from the kernel, and watches their changes (rtnetlink(7), linux/rtnetlink.h)."""

import errno
import socket
import struct

from exalb.node.routing_table import AF_INET, AF_INET6, ends_dump

_CHANGES = 0x40 | 0x400 | 0x100
"""Groups of changes: IPv4 routes, IPv6 routes, IPv6 addresses."""
_GET_ROUTE, _REQUEST_DUMP = 26, 0x1 | 0x300
_REQUEST = struct.Struct("=IHHIIB11x")
_LONGEST_MESSAGE = 1 << 17
"""Octets; the kernel splits a dump into messages of 32 KiB."""


def dump_routes() -> bytes:
    """Return the routes of this network namespace, of both families, as messages."""
    messages = b""
    for family in (AF_INET, AF_INET6):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
            netlink.bind((0, 0))
            netlink.send(_REQUEST.pack(_REQUEST.size, _GET_ROUTE, _REQUEST_DUMP, 1, 0, family))
            part = b""
            while not ends_dump(part):
                part = netlink.recv(_LONGEST_MESSAGE)
                messages += part
    return messages


def listen() -> socket.socket:
    """Return a socket that is readable once routes changed."""
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
    try:
        netlink.bind((0, _CHANGES))
    except OSError:
        netlink.close()
        raise
    return netlink


def drain(netlink: socket.socket) -> None:
    """Discard the changes; routes are read again anyway, so it does not matter that the kernel dropped some."""
    while True:
        try:
            netlink.recv(_LONGEST_MESSAGE)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
