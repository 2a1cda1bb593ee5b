"""An observer on a LAN: when which host said that it has an address, by frames of ARP."""

import socket
import time

from exalb_l2 import frames
from exalb_l2.frames import Address
from tests.lab.network import Namespace
from tests.support.segments import SO_RCVBUFFORCE
from tests.support.socket_watcher import SocketWatcher

_BUFFER = 16 << 20


class Claims(SocketWatcher):
    """Watches the card of a host while its `with` block lasts."""

    def __init__(self, host: Namespace) -> None:
        self.first: dict[tuple[Address, bytes], float] = {}
        """UNIX time of the first frame by which a MAC address said that it has an address, since `forget`."""
        opened = host.open_socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(frames.ARP))
        opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, _BUFFER)
        super().__init__(opened, f"claims on {host.name}")

    def forget(self) -> None:
        """Begin again."""
        self.first = {}

    def by(self, mac: bytes) -> dict[Address, float]:
        """Return the addresses that a MAC address said that it has, and since when."""
        return {address: at for (address, owner), at in list(self.first.items()) if owner == mac}

    def read(self) -> None:
        """Note the claims of the next frame."""
        for said in frames.read(self._socket.recv(2048)):
            if isinstance(said, frames.Claimed):
                self.first.setdefault((said.address, said.mac), time.time())
