"""A router that keeps the time of all it receives: `python -m tests.support.bgp.receiver ADDRESS ASN`, in a namespace.

It writes the bytes that it receives, each piece with its time, in frames to its standard output. It does nothing else,
so that it is ready for the next piece. A number on its standard input is the number of routes that it must send.
"""

import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from types import TracebackType
from typing import Any, Self

from exalb_bgp.rib import Prefix
from tests.lab.images import CHECKOUT
from tests.lab.network import Namespace
from tests.support.bgp.frames import read, write
from tests.support.bgp.messages import Kind, Message, decode, framed, opening, split

PORT = 179
PIECE = 1 << 18
HOLD_TIME = 240
END_OF_RIB = framed(Kind.UPDATE, bytes(4))
"""Of IPv4 (RFC 4724 §2)."""
FLOOD = 0xCB000000
"""203.0.0.0, the first of the routes that are sent on demand."""


def serve(address: IPv4Address, asn: int) -> None:
    """Take one session after the other, until standard input ends."""
    server = socket.create_server((str(address), PORT))
    print(flush=True, file=sys.stderr)
    connection: socket.socket | None = None
    while True:
        ends: list[Any] = [server, 0, *([connection] if connection else [])]
        ready, _, _ = select.select(ends, [], [], HOLD_TIME / 3)
        if connection and not ready:
            connection.sendall(framed(Kind.KEEPALIVE))
        if server in ready:
            connection, _ = server.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            write(sys.stdout.buffer, (time.time(), b""))
            connection.sendall(opening(asn, address.packed, hold_time=HOLD_TIME) + framed(Kind.KEEPALIVE))
        elif connection in ready and connection:
            data = connection.recv(PIECE)
            write(sys.stdout.buffer, (time.time(), data))
            connection = connection if data else None
        if 0 in ready:
            if not (request := os.read(0, 64)):
                return
            if connection:
                connection.sendall(b"".join(_routes(address, asn, int(request))))


def _routes(address: IPv4Address, asn: int, count: int) -> Iterator[bytes]:
    """Make an UPDATE for each route."""
    attributes = (
        bytes([0x40, 1, 1, 0, 0x40, 2, 6, 2, 1]) + struct.pack("!I", asn) + bytes([0x40, 3, 4]) + address.packed
    )
    head = struct.pack("!HH", 0, len(attributes)) + attributes + bytes([32])
    return (framed(Kind.UPDATE, head + struct.pack("!I", FLOOD + number)) for number in range(count))


class Receiver:
    """Runs such a router in a namespace while its `with` block lasts, and keeps all that it received."""

    def __init__(self, namespace: Namespace, address: IPv4Address, asn: int) -> None:
        self.address = address
        self.pieces: list[tuple[float, bytes]] = []
        """The pieces and their UNIX times; an empty piece at the start and at the end of a session."""
        self._tail = b""
        self._ends = 0
        self._news = threading.Condition()
        argv = [sys.executable, "-m", "tests.support.bgp.receiver", str(address), str(asn)]
        pipe = subprocess.PIPE
        self._process: subprocess.Popen[Any] = namespace.popen(argv, cwd=CHECKOUT, stdin=pipe, stdout=pipe, stderr=pipe)
        assert self._process.stderr
        self._process.stderr.readline()  # it listens
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Nothing is left to do."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the router."""
        for pipe in (self._process.stdin, self._process.stderr):
            assert pipe
            pipe.close()
        self._process.wait(timeout=10)
        self._thread.join()
        assert self._process.stdout
        self._process.stdout.close()

    def send(self, count: int) -> None:
        """Have it send so many routes."""
        assert self._process.stdin
        self._process.stdin.write(f"{count}\n".encode())
        self._process.stdin.flush()

    def wait_open(self, seconds: float = 60) -> None:
        """Wait until the other end opened a session."""
        self.wait(lambda: any(framed(Kind.KEEPALIVE) in piece for _, piece in self.pieces), seconds)

    def wait_end_of_rib(self, seconds: float = 60) -> None:
        """Wait for the first End-of-RIB of the session."""
        self.wait(lambda: self._ends > 0, seconds)

    def wait(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until a condition on the received pieces is true."""
        with self._news:
            if not self._news.wait_for(condition, seconds):
                raise TimeoutError(f"{self.address} waited {seconds} s")

    def received_at(self, pattern: bytes, since: int, seconds: float = 60) -> float:
        """Wait for a piece with these octets in it, from number `since` on; return when it came."""
        found: list[float] = []

        def came() -> bool:
            found[:] = [moment for moment, piece in self.pieces[since:] if pattern in piece][:1]
            return bool(found)

        self.wait(came, seconds)
        return found[0]

    def messages(self) -> list[Message]:
        """Read all that came in the last session."""
        stream, messages = bytearray(), list[Message]()
        for moment, piece in list(self.pieces):
            if not piece:
                stream.clear()
                messages.clear()
            stream += piece
            messages += [decode(moment, self.address, self.address, kind, body) for kind, body in split(stream)]
        return messages

    def completed(self, table: set[Prefix]) -> float:
        """Return when the last of these prefixes first arrived in the last session."""
        times: dict[Prefix, float] = {}
        for message in self.messages():
            for prefix in message.announced & table:
                times.setdefault(prefix, message.time)
        missing = table - times.keys()
        if missing:
            raise LookupError(f"{len(missing)} of {len(table)} prefixes did not come to {self.address}")
        return max(times.values())

    def _listen(self) -> None:
        assert self._process.stdout
        while frame := read(self._process.stdout):
            with self._news:
                self.pieces.append(frame)
                self._ends = 0 if not frame[1] else self._ends + (END_OF_RIB in self._tail + frame[1])
                self._tail = frame[1][1 - len(END_OF_RIB) :]
                self._news.notify_all()


if __name__ == "__main__":
    serve(IPv4Address(sys.argv[1]), int(sys.argv[2]))
