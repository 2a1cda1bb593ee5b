"""The sockets of BFD (RFC 5881): one for each own address that receives, and one for each session that sends."""

import errno
import random
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple

from exalb_bfd import socket_filter
from exalb_bfd.peers import Address, Peer

PORT = 3784
"""Of single-hop BFD Control packets (RFC 5881 §4)."""
_FIRST_SOURCE_PORT, _LAST_SOURCE_PORT = 49152, 65535
_SOURCE_PORTS_TRIED = 64
_TTL = 255
_CONTROL_TRAFFIC = 0xC0
"""DSCP CS6, as BGP has it."""
_PRIORITY = 6
"""The highest that needs no privilege."""
_SO_TIMESTAMPNS = 35
_BATCH = 64
"""Packets that are read at once, before other sockets and timers have their turn."""
_LEVELS = {4: (socket.IPPROTO_IP, socket.IP_TTL), 6: (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)}


class Received(NamedTuple):
    """A packet as it arrived."""

    data: bytes
    source: Address
    at: float
    """By the monotonic clock of this machine, when the kernel had it."""


class Receiver:
    """Receives the packets for one of this node's addresses."""

    def __init__(self, local: Address, interface: str | None, *, others: int = 0) -> None:
        """Open it, closed to everybody (`admit`); `others` have this address on other interfaces. Raises OSError."""
        self._version, self._emptied_at = local.version, time.monotonic()
        self.socket = receiver = _udp(local.version, None if _scoped(local) else interface)
        try:
            receiver.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            socket_filter.attach(receiver, local.version, ())
            _bind_shared(receiver, local, _sockaddr(local, PORT, interface), others)
        except OSError:
            receiver.close()
            raise

    def admit(self, sources: Iterable[Address]) -> None:
        """Receive from these routers alone."""
        socket_filter.attach(self.socket, self._version, sources)

    def read(self) -> Iterator[Received]:
        """Yield what arrived, up to a bound."""
        for _ in range(_BATCH):
            try:
                data, ancillary, _, source = self.socket.recvmsg(64, 64)
            except BlockingIOError:
                self._emptied_at = time.monotonic()
                return
            except OSError:
                return
            yield Received(data, ip_address(source[0].partition("%")[0]), self._arrival(ancillary))

    def _arrival(self, ancillary: list[tuple[int, int, bytes]]) -> float:
        """Return when a packet arrived; not before the socket was last empty, even if the clock was set meanwhile."""
        now = time.monotonic()
        for level, kind, value in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
                seconds, nanoseconds = struct.unpack("qq", value)
                age: float = time.time() - seconds - nanoseconds / 1e9
                return max(self._emptied_at, now - max(0.0, age))
        return now


def local_address(peer: Peer) -> Address:
    """Return the address of this node that packets to a router come from; raises OSError if there is no way to it."""
    if peer.local_address:
        return peer.local_address
    with _udp(peer.address.version, peer.interface) as probe:
        probe.connect(_sockaddr(peer.address, PORT, peer.interface))
        return ip_address(probe.getsockname()[0].partition("%")[0])


def sender(local: Address, peer: Peer) -> socket.socket:
    """Open the socket that sends to a router, from a port of its own (RFC 5881 §4); raises OSError."""
    made = _udp(local.version, None if _scoped(local) else peer.interface)
    try:
        level, option = _LEVELS[local.version]
        made.setsockopt(level, option, _TTL)
        if local.version == 4:
            made.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _CONTROL_TRAFFIC)
        else:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _CONTROL_TRAFFIC)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, _PRIORITY)
        ports = (random.randint(_FIRST_SOURCE_PORT, _LAST_SOURCE_PORT) for _ in range(_SOURCE_PORTS_TRIED))  # noqa: S311
        if any(_binds(made, _sockaddr(local, port, peer.interface)) for port in ports):
            return made
    except OSError:
        made.close()
        raise
    made.close()
    raise OSError(errno.EADDRINUSE, f"no free source port on {local}")


def destination(peer: Peer) -> tuple[str, int] | tuple[str, int, int, int]:
    """Return where packets for a router are sent; raises OSError if its interface is gone."""
    return _sockaddr(peer.address, PORT, peer.interface)


def _udp(version: int, interface: str | None) -> socket.socket:
    made = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        if version == 6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if interface:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
    except OSError:
        made.close()
        raise
    return made


def _binds(made: socket.socket, where: tuple[str, int] | tuple[str, int, int, int]) -> bool:
    try:
        made.bind(where)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise
    return True


def _bind_shared(
    receiver: socket.socket, local: Address, where: tuple[str, int] | tuple[str, int, int, int], ours: int
) -> None:
    """Bind, next to a daemon that listens on all addresses, but not to an address that another one listens on."""
    is_alone = _binds(receiver, where)
    if not is_alone and _listeners(local) > ours:
        raise OSError(errno.EADDRINUSE, f"another program listens for BFD on {local} port {PORT}: stop it")
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if not is_alone:
        receiver.bind(where)


def _listeners(local: Address) -> int:
    """Count the sockets that are bound to this very address and the port of BFD."""
    words = struct.unpack(f"={len(local.packed) // 4}I", local.packed)
    place = "".join(f"{word:08X}" for word in words) + f":{PORT:04X}"
    lines = Path("/proc/net/udp" if local.version == 4 else "/proc/net/udp6").read_text().splitlines()[1:]
    return sum(line.split()[1] == place for line in lines)


def _scoped(address: Address) -> bool:
    return isinstance(address, IPv6Address) and address.is_link_local


def _sockaddr(address: Address, port: int, interface: str | None) -> tuple[str, int] | tuple[str, int, int, int]:
    if address.version == 4:
        return str(address), port
    scope = socket.if_nametoindex(interface) if interface and _scoped(address) else 0
    return str(address), port, 0, scope
