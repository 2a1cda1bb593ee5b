"""A host that asks for addresses by ARP and NDP, and sees each MAC address that answers, past its kernel's cache."""

import socket
import time
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from select import select

from exalb_l2.frames import ARP, IPV6, Address, ether_type
from exalb_l2.goal import mac_text
from tests.lab.network import Namespace
from tests.support.l2.questions import answered, question

LISTEN = 0.08
"""Seconds in which every living node answers."""
_ARP_MAC, _NDP_MAC = slice(22, 28), slice(80, 86)
"""Where a reply has the MAC address that it says."""


class Prober:
    """Asks from a host on the LAN."""

    def __init__(self, host: Namespace, interface: str, sources: Iterable[Address]) -> None:
        self._sources = {ether_type(source): source for source in sources}
        self._sockets = {kind: host.open_socket(socket.AF_PACKET, socket.SOCK_RAW, 0) for kind in (ARP, IPV6)}
        for kind, opened in self._sockets.items():
            opened.bind((interface, kind))
            opened.setblocking(False)
        self._mac: bytes = self._sockets[ARP].getsockname()[4]

    def close(self) -> None:
        """Ask no more."""
        for opened in self._sockets.values():
            opened.close()

    def ask(self, addresses: Iterable[Address], seconds: float = LISTEN) -> Mapping[Address, set[str]]:
        """Ask for each address once; return the MAC addresses that answered to this host, for each address."""
        found: dict[Address, set[str]] = {address: set() for address in addresses}
        self._empty()
        for address in found:
            kind = ether_type(address)
            self._sockets[kind].send(question(self._mac, self._sources[kind], address))
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for ready in select(list(self._sockets.values()), [], [], left)[0]:
                self._note(ready.recv(256), found)
        return found

    def _empty(self) -> None:
        """Forget what came since the last time: late replies are none to the next questions."""
        for opened in self._sockets.values():
            while select([opened], [], [], 0)[0]:
                opened.recv(256)

    def _note(self, frame: bytes, found: dict[Address, set[str]]) -> None:
        target = answered(frame)
        if not target or frame[:6] != self._mac or ip_address(target) not in found:
            return
        said = frame[_ARP_MAC if frame[12:14] == ARP.to_bytes(2) else _NDP_MAC]
        found[ip_address(target)] |= {mac_text(said), mac_text(frame[6:12])}
