"""Numbered packets, sent at a steady rate through routers and counted where they arrive."""

import contextlib
import socket
import struct
import threading
from types import TracebackType
from typing import Self

from exalb_bgp.rib import Address
from tests.lab.network import Namespace
from tests.lab.wait import until

PORT = 7000
INTERVAL = 0.005
"""Seconds between two packets."""
BUFFER = 4 << 20
NUMBER = struct.Struct("!Q")
LOOK = 0.25
"""Seconds between checks whether the probe must end."""


class Probe:
    """Sends datagrams from one namespace to an address of another while its `with` block lasts."""

    def __init__(self, source: Namespace, target: Namespace, address: Address) -> None:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        self.sent = 0
        self.arrived: set[int] = set()
        self._where = (str(address), PORT)
        self._client = source.open_socket(family, socket.SOCK_DGRAM)
        self._server = target.open_socket(family, socket.SOCK_DGRAM)
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._server.bind(self._where)
        self._server.settimeout(LOOK)
        self._enough, self._end = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._send, self._receive)]

    def __enter__(self) -> Self:
        """Start; return when the first packets arrived."""
        for thread in self._threads:
            thread.start()
        until("packets arrive", lambda: self.arrived)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop sending, and give packets in transit the time to arrive."""
        self._enough.set()
        self._threads[0].join()
        with contextlib.suppress(AssertionError):
            until("all packets arrived", lambda: not self.lost, seconds=2)
        self._end.set()
        self._threads[1].join()
        self._client.close()
        self._server.close()

    @property
    def lost(self) -> list[int]:
        """The numbers of the packets that have not arrived so far."""
        return [number for number in range(self.sent) if number not in self.arrived]

    def _send(self) -> None:
        while not self._enough.wait(INTERVAL):
            with contextlib.suppress(OSError):  # a packet that is not sent counts as lost
                self._client.sendto(NUMBER.pack(self.sent), self._where)
            self.sent += 1

    def _receive(self) -> None:
        while not self._end.is_set():
            with contextlib.suppress(TimeoutError):
                self.arrived.update(NUMBER.unpack(self._server.recv(NUMBER.size)))
