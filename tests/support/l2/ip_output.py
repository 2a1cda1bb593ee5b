"""The output of `ip -oneline link` and `ip -oneline address` as the messages of rtnetlink(7) from which ip made it."""

import re
import struct
from collections.abc import Iterator
from ipaddress import ip_interface

_NEW_LINK, _NEW_ADDRESS = 16, 20
_ADDRESS, _NAME, _MTU, _LINK, _MASTER = 1, 3, 4, 5, 10
"""Attributes of links (linux/if_link.h)."""
_IFA_ADDRESS, _IFA_LOCAL, _IFA_LABEL = 1, 2, 3
"""Attributes of addresses (linux/if_addr.h)."""
_FLAGS = {
    "UP": 0x1,
    "BROADCAST": 0x2,
    "LOOPBACK": 0x8,
    "POINTOPOINT": 0x10,
    "NOARP": 0x80,
    "PROMISC": 0x100,
    "ALLMULTI": 0x200,
    "MASTER": 0x400,
    "SLAVE": 0x800,
    "MULTICAST": 0x1000,
    "LOWER_UP": 0x10000,
    "NO-CARRIER": 0,
    "M-DOWN": 0,
}
"""Flags of links (linux/if.h); ip makes the last two from others."""
_TYPES = {"ether": 1, "loopback": 772, "none": 65534, "infiniband": 32, "sit": 776}
"""Types of links (linux/if_arp.h)."""
_ADDRESS_FLAGS = {"tentative": 0x40, "dadfailed": 0x08}
_LINE = re.compile(
    r"^(?P<index>\d+): (?P<name>[^@:\s]+)(?:@(?P<lower>\S+))?: <(?P<flags>\S+)> mtu (?P<mtu>\d+)"
    r"(?:.* master (?P<master>\S+))?.*link/(?P<type>\S+)(?: (?P<mac>[0-9a-f:]{17}))?"
)


def links(output: str) -> bytes:
    """Return the messages of a dump of links."""
    found = [match for line in output.strip().splitlines() if (match := _LINE.match(line.strip()))]
    indexes = {match["name"]: int(match["index"]) for match in found} | {None: 0, "NONE": 0}
    return b"".join(_link(match, indexes) for match in found)


def _link(match: re.Match[str], indexes: dict[str | None, int]) -> bytes:
    flags = sum(_FLAGS[word] for word in match["flags"].split(","))
    body = struct.pack("=BxHiII", 0, _TYPES.get(match["type"], _TYPES["none"]), int(match["index"]), flags, 0)
    body += _attribute(_NAME, match["name"].encode() + b"\0") + _attribute(_MTU, struct.pack("=I", int(match["mtu"])))
    lower = match["lower"]
    if lower:
        # Of a lower interface in another namespace ip knows only the index.
        index = indexes[lower] if lower in indexes else int(lower.removeprefix("if"))
        body += _attribute(_LINK, struct.pack("=I", index))
    if match["master"]:
        body += _attribute(_MASTER, struct.pack("=I", indexes[match["master"]]))
    if match["mac"]:
        body += _attribute(_ADDRESS, bytes.fromhex(match["mac"].replace(":", "")))
    return _message(_NEW_LINK, body)


def addresses(output: str) -> bytes:
    """Return the messages of a dump of addresses."""
    return b"".join(_addresses(output))


def _addresses(output: str) -> Iterator[bytes]:
    for line in output.strip().splitlines():
        number, name, family, text, *rest = line.split()
        address = ip_interface(text)
        flags = sum(bit for word, bit in _ADDRESS_FLAGS.items() if word in rest)
        scope = 253 if address.is_link_local else 0
        length = address.network.prefixlen
        head = struct.pack("=BBBBi", 2 if family == "inet" else 10, length, flags, scope, int(number.rstrip(":")))
        body = head + _attribute(_IFA_ADDRESS, address.packed)
        if family == "inet":
            body += _attribute(_IFA_LOCAL, address.packed) + _attribute(_IFA_LABEL, name.encode() + b"\0")
        yield _message(_NEW_ADDRESS, body)


def _attribute(kind: int, data: bytes) -> bytes:
    return (struct.pack("=HH", 4 + len(data), kind) + data).ljust(-(-(4 + len(data)) // 4) * 4, b"\0")


def _message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body
