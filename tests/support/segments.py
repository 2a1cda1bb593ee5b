"""TCP segments that pass in a network namespace, each with the kernel's time."""

import contextlib
import ctypes
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from exalb_bgp.rib import Address
from tests.lab.network import Namespace

ETH_P_ALL = 3
SO_ATTACH_FILTER, SO_RCVBUFFORCE, SO_TIMESTAMPNS = 26, 33, 35
ANCILLARY = 64
LARGEST_PACKET = 1 << 17
BUFFER = 64 << 20
SYN = 2
TCP = 6
Instruction = tuple[int, int, int, int]
"""Code, instructions to skip if true and if false, operand."""


class Segment(NamedTuple):
    """One segment; its time is UNIX time."""

    time: float
    source: tuple[Address, int]
    destination: tuple[Address, int]
    sequence: int
    flags: int
    data: bytes


def listen(namespace: Namespace, port: int) -> socket.socket:
    """Open a packet socket that the kernel fills with the TCP from and to a port; reading it never waits."""
    opened = namespace.open_socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    attach_filter(opened, list(_filter(port)))
    opened.setblocking(False)
    with contextlib.suppress(BlockingIOError):  # packets from before the filter
        while opened.recv(1):
            pass
    return opened


def attach_filter(opened: socket.socket, instructions: Sequence[Instruction]) -> None:
    """Have the kernel drop what a classic BPF does not pass (linux/filter.h)."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in instructions))
    described = struct.pack("@HP", len(instructions), ctypes.addressof(code))
    opened.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, described)


def receive(opened: socket.socket) -> Segment:
    """Read one segment; TimeoutError or BlockingIOError when none comes, as the socket is set."""
    data, ancillary, _, _ = opened.recvmsg(LARGEST_PACKET, ANCILLARY)
    return _parse(data, _stamp(ancillary))


def received(opened: socket.socket) -> Iterator[Segment]:
    """Yield the segments that a socket has by now; it never waits."""
    with contextlib.suppress(BlockingIOError):
        while True:
            yield receive(opened)


def _filter(port: int) -> Iterator[Instruction]:
    """Yield the instructions of a BPF in its classic form; jumps count from the next one."""
    yield (0x30, 0, 0, 0)  # load the version
    yield (0x54, 0, 0, 0xF0)
    yield (0x15, 5, 0, 0x60)
    yield (0x15, 0, 12, 0x40)
    yield (0x30, 0, 0, 9)  # IPv4: protocol, then skip the header
    yield (0x15, 0, 10, TCP)
    yield (0xB1, 0, 0, 0)
    yield (0x05, 0, 0, 3)
    yield (0x30, 0, 0, 6)  # IPv6: next header; ours come without extension headers
    yield (0x15, 0, 6, TCP)
    yield (0x01, 0, 0, 40)
    yield (0x48, 0, 0, 0)  # source port
    yield (0x15, 2, 0, port)
    yield (0x48, 0, 0, 2)  # destination port
    yield (0x15, 0, 1, port)
    yield (0x06, 0, 0, 0xFFFFFFFF)
    yield (0x06, 0, 0, 0)


def _stamp(ancillary: list[tuple[int, int, bytes]]) -> float:
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            whole, nanoseconds = struct.unpack("qq", data[:16])
            return float(whole + nanoseconds / 1e9)
    return time.time()


def _parse(data: bytes, stamp: float) -> Segment:
    source: Address
    destination: Address
    if data[0] >> 4 == 4:
        header, (total,) = (data[0] & 15) * 4, struct.unpack_from("!H", data, 2)
        source, destination = IPv4Address(data[12:16]), IPv4Address(data[16:20])
    else:
        header, total = 40, 40 + struct.unpack_from("!H", data, 4)[0]
        source, destination = IPv6Address(data[8:24]), IPv6Address(data[24:40])
    segment = data[header:total] if total > header else data[header:]
    source_port, destination_port, sequence = struct.unpack_from("!HHI", segment)
    payload = segment[(segment[12] >> 4) * 4 :]
    return Segment(stamp, (source, source_port), (destination, destination_port), sequence, segment[13], payload)
