"""An observer on a LAN: when which host said that it has an address, by frames of ARP."""

import socket
import threading
import time
from types import TracebackType
from typing import Self

from exalb_l2 import frames
from exalb_l2.frames import Address
from tests.lab.network import Namespace
from tests.support.bgp.sniffer import SO_RCVBUFFORCE

_LOOK = 0.1
"""Seconds between checks whether the observer must end."""
_BUFFER = 16 << 20


class Claims:
    """Watches the card of a host while its `with` block lasts."""

    def __init__(self, host: Namespace) -> None:
        self.first: dict[tuple[Address, bytes], float] = {}
        """UNIX time of the first frame by which a MAC address said that it has an address, since `forget`."""
        self._socket = host.open_socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(frames.ARP))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, _BUFFER)
        self._socket.settimeout(_LOOK)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Start to watch."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching."""
        self._end.set()
        self._thread.join()
        self._socket.close()

    def forget(self) -> None:
        """Begin again."""
        self.first = {}

    def by(self, mac: bytes) -> dict[Address, float]:
        """Return the addresses that a MAC address said that it has, and since when."""
        return {address: at for (address, owner), at in list(self.first.items()) if owner == mac}

    def _watch(self) -> None:
        while not self._end.is_set():
            try:
                frame = self._socket.recv(2048)
            except TimeoutError:
                continue
            for said in frames.read(frame):
                if isinstance(said, frames.Claimed):
                    self.first.setdefault((said.address, said.mac), time.time())
