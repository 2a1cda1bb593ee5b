"""Reads from the kernel about the network of this machine, and watches for changes (rtnetlink(7))."""

import errno
import socket
import struct

from exalb_process.netlink_messages import ends_dump

_HEAD = struct.Struct("=IHHIIB")
"""The head of a request, and the family with which its body begins."""
_REQUEST_DUMP = 0x1 | 0x300
_LONGEST_MESSAGE = 1 << 17
"""Octets; the kernel splits a dump into messages of 32 KiB."""


def dump(kind: int, family: int, body_size: int) -> bytes:
    """Return all objects of this network namespace as messages; `kind` is the type of the request. Raises OSError."""
    messages = part = b""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.bind((0, 0))
        size = _HEAD.size - 1 + body_size
        netlink.send(_HEAD.pack(size, kind, _REQUEST_DUMP, 1, 0, family).ljust(size, b"\0"))
        while not ends_dump(part):
            part = netlink.recv(_LONGEST_MESSAGE)
            messages += part
    return messages


def listen(groups: int) -> socket.socket:
    """Return a socket that is readable once something in these groups of changes changed. Raises OSError."""
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
    try:
        netlink.bind((0, groups))
    except OSError:
        netlink.close()
        raise
    return netlink


def drain(netlink: socket.socket) -> None:
    """Discard the changes: all is read again, so it does not matter that the kernel dropped some. Raises OSError."""
    while True:
        try:
            netlink.recv(_LONGEST_MESSAGE)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
