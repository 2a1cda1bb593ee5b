"""The kernel's filter of a receiving socket: packets of others never reach this process, so a flood costs it nothing.

It lets a packet pass whose TTL or hop limit is 255, so that no router forwarded it (RFC 5881 §5), that comes from one
of the routers, and that is long enough for BFD and of its version.
"""

import ctypes
import socket
import struct
from collections.abc import Iterable, Iterator

from exalb_bfd.packet import LENGTH, VERSION
from exalb_bfd.peers import Address

_SO_ATTACH_FILTER = 26
"""From the kernel's asm-generic/socket.h."""
_LENGTH, _BYTE, _WORD, _SHIFT, _EQUAL, _AT_LEAST, _RETURN = 0x80, 0x30, 0x20, 0x74, 0x15, 0x35, 0x06
"""Instructions of classic BPF (linux/bpf_common.h)."""
_NETWORK_HEADER = 0xFFF00000
"""SKF_NET_OFF: offsets from here on are into the IP header, others into the UDP header."""
_UDP_HEADER = 8
_TTL_AT = {4: 8, 6: 7}
_SOURCE_AT = {4: 12, 6: 8}
_PASS, _DROP = (_RETURN, 0, 0, 0xFFFF), (_RETURN, 0, 0, 0)

_Instruction = tuple[int, int, int, int]
"""Code, instructions to skip if true and if false, operand."""


def attach(receiver: socket.socket, version: int, sources: Iterable[Address]) -> None:
    """Replace the filter of a socket; raises OSError."""
    program = list(_program(version, sources))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *instruction) for instruction in program))
    receiver.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(code)))


def _program(version: int, sources: Iterable[Address]) -> Iterator[_Instruction]:
    yield from ((_LENGTH, 0, 0, 0), (_AT_LEAST, 1, 0, _UDP_HEADER + LENGTH), _DROP)
    yield from ((_BYTE, 0, 0, _UDP_HEADER), (_SHIFT, 0, 0, 5), (_EQUAL, 1, 0, VERSION), _DROP)
    yield from ((_BYTE, 0, 0, _NETWORK_HEADER + _TTL_AT[version]), (_EQUAL, 1, 0, 255), _DROP)
    for source in sources:
        words = struct.unpack(f"!{len(source.packed) // 4}I", source.packed)
        for index, word in enumerate(words):
            to_next_source = 2 * (len(words) - index) - 1
            yield _WORD, 0, 0, _NETWORK_HEADER + _SOURCE_AT[version] + 4 * index
            yield _EQUAL, 0, to_next_source, word
        yield _PASS
    yield _DROP
