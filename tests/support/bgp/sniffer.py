"""An observer next to a router: every BGP message that passes, with the kernel's own time stamp.

with Wire(namespace) as wire:
    ...
    times = wire.announced(prefix, by=nodes, after=begun)
"""

import contextlib
import ctypes
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from exalb_bgp.rib import Address, Prefix
from tests.lab.network import Namespace
from tests.support.bgp.messages import Kind, Message, decode, split
from tests.support.socket_watcher import SocketWatcher

ETH_P_ALL = 3
SO_ATTACH_FILTER, SO_RCVBUFFORCE, SO_TIMESTAMPNS = 26, 33, 35
ANCILLARY = 64
LARGEST_PACKET = 1 << 17
BUFFER = 64 << 20
SYN = 2
TCP, BGP = 6, 179


class WireError(RuntimeError):
    """The expected messages did not pass; the text says which ones did."""


class _Segment(NamedTuple):
    time: float
    source: tuple[Address, int]
    destination: tuple[Address, int]
    sequence: int
    flags: int
    data: bytes


class _Stream:
    """One direction of a connection, put in order again."""

    def __init__(self) -> None:
        self.next: int | None = None
        self.early: dict[int, bytes] = {}
        self.bytes = bytearray()

    def take(self, sequence: int, flags: int, data: bytes) -> None:
        if flags & SYN:
            self.next, self.early, self.bytes = sequence + 1 & 0xFFFFFFFF, {}, bytearray()
            return
        if self.next is None:
            self.next = sequence
        self.early[sequence] = max(data, self.early.get(sequence, b""), key=len)
        while (found := self._following()) is not None:
            data = self.early.pop(found)
            fresh = data[self.next - found & 0xFFFFFFFF :]
            self.bytes += fresh
            self.next = self.next + len(fresh) & 0xFFFFFFFF

    def _following(self) -> int | None:
        """Find a segment that begins at or before the next expected byte: retransmissions may overlap."""
        expected = self.next or 0
        return next((sequence for sequence in self.early if (expected - sequence & 0xFFFFFFFF) < 1 << 31), None)


class Wire(SocketWatcher):
    """Watches a namespace while its `with` block lasts. Readable at any time, also from other threads."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.messages: list[Message] = []
        """All that passed so far, in order."""
        self._streams: dict[tuple[tuple[Address, int], tuple[Address, int]], _Stream] = {}
        self._news = threading.Condition()
        super().__init__(_listen(namespace), f"wire of {namespace.name}")

    def updates(self, source: Address | None = None, after: float = 0) -> list[Message]:
        """Return the UPDATEs that passed, without End-of-RIB markers."""
        return [
            message
            for message in list(self.messages)
            if message.kind is Kind.UPDATE and message.end_of_rib is None and message.time > after
            if source in {None, message.source}
        ]

    def announced(
        self, prefix: Prefix, by: Iterable[Address], after: float = 0, seconds: float = 10
    ) -> dict[Address, float]:
        """Wait until all of `by` announced the prefix, and return when each first did, in UNIX time; else WireError."""
        return self._first(f"announce {prefix}", lambda m: prefix in m.announced, by, after, seconds)

    def withdrawn(
        self, prefix: Prefix, by: Iterable[Address], after: float = 0, seconds: float = 10
    ) -> dict[Address, float]:
        """Wait until all of `by` withdrew the prefix, and return when each first did, in UNIX time; else WireError."""
        return self._first(f"withdraw {prefix}", lambda m: prefix in m.withdrawn, by, after, seconds)

    def wait(self, condition: Callable[[], bool], otherwise: str, seconds: float = 10) -> None:
        """Wait for something to be true of `messages`; else WireError with `otherwise`."""
        with self._news:
            if not self._news.wait_for(condition, seconds):
                raise WireError(f"{self.namespace.name}: {otherwise} (waited {seconds:.0f} s)")

    def _first(
        self, what: str, match: Callable[[Message], bool], by: Iterable[Address], after: float, seconds: float
    ) -> dict[Address, float]:
        wanted, times, seen = frozenset(by), dict[Address, float](), 0

        def all_did() -> bool:
            nonlocal seen
            for message in self.messages[seen:]:
                if message.time > after and message.source in wanted and match(message):
                    times.setdefault(message.source, message.time)
            seen = len(self.messages)
            return times.keys() == wanted

        try:
            self.wait(all_did, f"not everyone did {what}", seconds)
        except WireError as error:
            missing = ", ".join(map(str, sorted(wanted - times.keys(), key=str)))
            raise WireError(f"{error}: still missing {missing}") from None
        return times

    def read(self) -> None:
        """Note the messages that the next packet completes."""
        data, ancillary, _, _ = self._socket.recvmsg(LARGEST_PACKET, ANCILLARY)
        segment = _parse(data, _stamp(ancillary))
        if messages := self._take(segment):
            with self._news:
                self.messages += messages
                self._news.notify_all()

    def _take(self, segment: _Segment) -> list[Message]:
        stream = self._streams.setdefault((segment.source, segment.destination), _Stream())
        if segment.data or segment.flags & SYN:
            stream.take(segment.sequence, segment.flags, segment.data)
        ends = segment.source[0], segment.destination[0]
        return [decode(segment.time, *ends, kind, body) for kind, body in split(stream.bytes)]


def _listen(namespace: Namespace) -> socket.socket:
    """Open a packet socket that the kernel fills with TCP from and to port 179, each with its time."""
    opened = namespace.open_socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in FILTER)
    program = ctypes.create_string_buffer(code)
    opened.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(FILTER), ctypes.addressof(program)))
    opened.setblocking(False)
    with contextlib.suppress(BlockingIOError):  # packets from before the filter
        while opened.recv(1):
            pass
    return opened


FILTER = (
    (0x30, 0, 0, 0),  # load the version
    (0x54, 0, 0, 0xF0),
    (0x15, 5, 0, 0x60),
    (0x15, 0, 12, 0x40),
    (0x30, 0, 0, 9),  # IPv4: protocol, then skip the header
    (0x15, 0, 10, TCP),
    (0xB1, 0, 0, 0),
    (0x05, 0, 0, 3),
    (0x30, 0, 0, 6),  # IPv6: next header; BGP comes without extension headers
    (0x15, 0, 6, TCP),
    (0x01, 0, 0, 40),
    (0x48, 0, 0, 0),  # source port
    (0x15, 2, 0, BGP),
    (0x48, 0, 0, 2),  # destination port
    (0x15, 0, 1, BGP),
    (0x06, 0, 0, 0xFFFFFFFF),
    (0x06, 0, 0, 0),
)
"""BPF in its classic form; jumps count from the next instruction."""


def _stamp(ancillary: list[tuple[int, int, bytes]]) -> float:
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            whole, nanoseconds = struct.unpack("qq", data[:16])
            return float(whole + nanoseconds / 1e9)
    return time.time()


def _parse(data: bytes, stamp: float) -> _Segment:
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
    return _Segment(stamp, (source, source_port), (destination, destination_port), sequence, segment[13], payload)
