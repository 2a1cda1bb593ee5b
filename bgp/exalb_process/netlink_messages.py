"""Messages of rtnetlink(7): parts within parts, each of which begins with its length (linux/netlink.h)."""

import struct
from collections.abc import Iterator

MESSAGE, ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=HH")
"""The heads of a message and of an attribute."""
_ENDS = (2, 3)
"""The types of an error, and of the last message of a dump."""


def ends_dump(messages: bytes) -> bool:
    """Return whether these messages contain the end of a dump, or an error."""
    return any(head[1] in _ENDS for head, _ in parts(messages, MESSAGE))


def attributes_of(data: bytes) -> dict[int, bytes]:
    """Return the attributes of a message by type."""
    return {kind: body for (_, kind), body in parts(data, ATTRIBUTE)}


def parts(data: bytes, header: struct.Struct) -> Iterator[tuple[tuple[int, ...], bytes]]:
    """Yield head and body of each part; the first field of a head is the length of both."""
    start = 0
    while start + header.size <= len(data):
        head = header.unpack_from(data, start)
        if head[0] < header.size:
            return
        yield head, data[start + header.size : start + head[0]]
        start += -(-head[0] // 4) * 4
