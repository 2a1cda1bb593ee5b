"""A hostile BGP speaker: it opens sessions correctly, and then sends any bytes that a test gives it."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Address

from tests.lab.network import Namespace
from tests.lab.wait import until
from tests.support.bgp.messages import Kind, framed, opening, split

BGP = 179
TIMEOUT = 60
"""Seconds in which an engine must connect again: the waits between its attempts grow."""


class Meeting:
    """One connection, whose messages are read as they come."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.received: list[tuple[Kind, bytes]] = []
        self.over = False
        """Whether the other end closed the connection."""
        threading.Thread(target=self._listen, daemon=True).start()

    def say(self, data: bytes) -> None:
        """Send data, if the connection is still open."""
        with contextlib.suppress(OSError):
            self._connection.sendall(data)

    def wait_for(self, kind: Kind) -> None:
        """Wait until a message of a kind came."""
        until(f"{kind.name} came", partial(self.count, kind), seconds=TIMEOUT)

    def has(self, kind: Kind) -> bool:
        """Whether a message of a kind came, or the connection is closed."""
        return self.over or self.count(kind) > 0

    def count(self, kind: Kind) -> int:
        """Count the messages of a kind that came so far."""
        return sum(other is kind for other, _ in list(self.received))

    def close(self) -> None:
        """Leave."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def _listen(self) -> None:
        stream = bytearray()
        with contextlib.suppress(OSError):
            while data := self._connection.recv(1 << 16):
                stream += data
                self.received += split(stream)
        self.over = True


class RawPeer:
    """Accepts connections at the BGP port of a namespace."""

    def __init__(self, namespace: Namespace, address: IPv4Address, asn: int) -> None:
        self.address, self.asn = address, asn
        self._server = namespace.open_socket(socket.AF_INET, socket.SOCK_STREAM)
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._server.bind((str(address), BGP))
        self._server.listen()
        self._server.settimeout(TIMEOUT)

    @contextlib.contextmanager
    def called(self) -> Iterator[Meeting]:
        """Accept the next connection, read the OPEN, and send nothing; skip connections that were closed before."""
        while True:
            meeting = Meeting(self._server.accept()[0])
            until("an OPEN came", partial(meeting.has, Kind.OPEN), seconds=TIMEOUT)
            if not meeting.over:
                break
            meeting.close()
        try:
            yield meeting
        finally:
            meeting.close()

    @contextlib.contextmanager
    def established(self, *capabilities: bytes) -> Iterator[Meeting]:
        """Open a session; connections that are closed before it is open are skipped."""
        opened = False
        while not opened:
            with self.called() as meeting:
                meeting.say(opening(self.asn, self.address.packed, *capabilities) + framed(Kind.KEEPALIVE))
                until("the session is open", partial(meeting.has, Kind.KEEPALIVE), seconds=TIMEOUT)
                if opened := meeting.count(Kind.KEEPALIVE) > 0:
                    yield meeting

    def close(self) -> None:
        """Wait no more."""
        self._server.close()
