"""A BGP speaker without manners: it opens sessions as it should, and then says whatever it is told to say."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Address

from tests.bench.messages import Kind, framed, opening, split
from tests.lab.network import Namespace
from tests.lab.wait import until

BGP = 179
PATIENCE = 60
"""Seconds in which an engine must call again: its attempts come ever more slowly."""


class Meeting:
    """One connection, of which everything is read as it comes."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.heard: list[tuple[Kind, bytes]] = []
        self.over = False
        """Whether the other end closed the connection."""
        threading.Thread(target=self._listen, daemon=True).start()

    def say(self, data: bytes) -> None:
        """Say something, if anybody listens still."""
        with contextlib.suppress(OSError):
            self._connection.sendall(data)

    def hears(self, kind: Kind) -> None:
        """Wait until a message of a kind came."""
        until(f"{kind.name} came", partial(self.count, kind), seconds=PATIENCE)

    def has(self, kind: Kind) -> bool:
        """Whether a message of a kind came, or none will."""
        return self.over or self.count(kind) > 0

    def count(self, kind: Kind) -> int:
        """Count the messages of a kind that came so far."""
        return sum(one is kind for one, _ in list(self.heard))

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
                self.heard += split(stream)
        self.over = True


class RawPeer:
    """Waits at the BGP port of a namespace to be called."""

    def __init__(self, namespace: Namespace, address: IPv4Address, asn: int) -> None:
        self.address, self.asn = address, asn
        self._server = namespace.open_socket(socket.AF_INET, socket.SOCK_STREAM)
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._server.bind((str(address), BGP))
        self._server.listen()
        self._server.settimeout(PATIENCE)

    @contextlib.contextmanager
    def called(self) -> Iterator[Meeting]:
        """Take the next call, read the OPEN, and say nothing. Who called and left before is passed over."""
        while True:
            meeting = Meeting(self._server.accept()[0])
            until("an OPEN came", partial(meeting.has, Kind.OPEN), seconds=PATIENCE)
            if not meeting.over:
                break
            meeting.close()
        try:
            yield meeting
        finally:
            meeting.close()

    @contextlib.contextmanager
    def established(self, *capabilities: bytes) -> Iterator[Meeting]:
        """Open a session; whoever leaves before it is open is passed over."""
        opened = False
        while not opened:
            with self.called() as meeting:
                meeting.say(opening(self.asn, self.address.packed, *capabilities) + framed(Kind.KEEPALIVE))
                until("it opened too", partial(meeting.has, Kind.KEEPALIVE), seconds=PATIENCE)
                if opened := meeting.count(Kind.KEEPALIVE) > 0:
                    yield meeting

    def close(self) -> None:
        """Wait no more."""
        self._server.close()
