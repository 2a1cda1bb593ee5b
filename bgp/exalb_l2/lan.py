"""The sockets of one interface: frames of ARP and NDP, and packets of the other candidates."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from exalb_l2.answerer import Answerer
from exalb_l2.frames import ARP, IPV6, Address, ether_type, solicited_node
from exalb_l2.goal import Interface
from exalb_l2.hello import PORT
from exalb_l2.packet_filter import attach

_TTL = 255
_IP_RECVTTL = 12
"""From the kernel's linux/in.h."""
_LEVELS = {
    4: (socket.AF_INET, socket.IPPROTO_IP, socket.IP_TTL, _IP_RECVTTL, socket.IP_TTL),
    6: (
        socket.AF_INET6,
        socket.IPPROTO_IPV6,
        socket.IPV6_UNICAST_HOPS,
        socket.IPV6_RECVHOPLIMIT,
        socket.IPV6_HOPLIMIT,
    ),
}
"""Family, level, and the options that set the TTL, ask for it, and give it."""
_PRIORITY = 6
"""The highest that needs no privilege."""
_BUFFER = 1 << 20
"""Octets that wait in a socket of frames meanwhile; the kernel allows fewer (net.core.rmem_max)."""
_BATCH = 64
_BATCHES, _FLOOD_PAUSE_SECONDS = 4, 0.01
"""After so many full batches of packets a socket is left alone for so long."""
_LONGEST_PACKET = 1500
_GROUPS_OF_ONE = 1000
"""Groups that one socket joins: the kernel's memory for options holds about twice as many."""


class Handlers(NamedTuple):
    """The functions that take what arrives."""

    frames: Callable[[str, Sequence[bytes]], None]
    packet: Callable[[str, Address, bytes], None]


class Lan:
    """The sockets of one interface; raises OSError where they cannot be opened."""

    def __init__(self, index: int, interface: Interface, handlers: Handlers) -> None:
        self.index, self.interface, self._handlers = index, interface, handlers
        self._loop = asyncio.get_running_loop()
        self._frames: dict[int, socket.socket] = {}
        self._packets: dict[int, socket.socket] = {}
        self._groups: dict[IPv6Address, socket.socket] = {}
        self._joined: list[socket.socket] = []
        self._full: dict[socket.socket, int] = {}
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}
        self._answerers: list[Answerer] = []
        self._is_closed = False
        try:
            for kind in (ARP, IPV6):
                self._frames[kind] = _packet_socket(interface.name, kind)
            for version in {own.version for own in interface.addresses}:
                self._packets[version] = opened = _hello_socket(interface, version)
                self._watch(opened)
            for opened in self._frames.values():
                self._answerers.append(Answerer(opened, interface.mac, self._frames_came))
        except (OSError, RuntimeError) as error:  # the latter where no thread can be started
            self.close()
            raise OSError(f"{interface.name}: {error}") from error

    @property
    def answered(self) -> int:
        """How many questions were answered by prepared replies."""
        return sum(answerer.answered for answerer in self._answerers)

    def admit(self, addresses: Iterable[Address], prepared: Iterable[Address]) -> None:
        """Receive what is about `addresses`; receive questions about `prepared`, too, which IPv6 sends to groups."""
        wanted = list(addresses)
        for answerer in self._answerers:
            answerer.admit(wanted)
        for kind, receiver in self._frames.items():
            attach(receiver, kind, wanted)
        groups = {solicited_node(address) for address in prepared if isinstance(address, IPv6Address)}
        for group in self._groups.keys() - groups:
            with contextlib.suppress(OSError):
                self._groups.pop(group).setsockopt(socket.IPPROTO_IPV6, socket.IPV6_LEAVE_GROUP, self._at(group))
        for group in groups - self._groups.keys():
            member = self._member()
            member.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, self._at(group))
            self._groups[group] = member

    def answer_for(self, addresses: Iterable[Address]) -> None:
        """Answer for these addresses as soon as a frame is read, in place of those before."""
        held = list(addresses)
        for kind, answerer in zip(self._frames, self._answerers, strict=True):
            answerer.answer_for(address for address in held if ether_type(address) == kind)

    def _at(self, group: IPv6Address) -> bytes:
        return group.packed + struct.pack("@I", self.index)

    def _member(self) -> socket.socket:
        used = list(self._groups.values())
        for member in self._joined:
            if used.count(member) < _GROUPS_OF_ONE:
                return member
        self._joined.append(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        return self._joined[-1]

    def send(self, frames: Iterable[bytes], kind: int) -> None:
        """Send frames of an EtherType; what a full queue refuses is lost, as on a wire."""
        for frame in frames:
            with contextlib.suppress(OSError):
                self._frames[kind].send(frame, socket.MSG_DONTWAIT)

    def say(self, to: Interface, packets: Iterable[bytes]) -> None:
        """Send packets to another node on this LAN, if there is a way to it."""
        for address in sorted(to.addresses, key=lambda other: other.version):
            sender = self._packets.get(address.version)
            if sender and self.interface.reaches(address.ip):
                for packet in packets:
                    with contextlib.suppress(OSError):
                        sender.sendto(packet, (str(address.ip), PORT))
                return

    def close(self) -> None:
        """Close all sockets."""
        self._is_closed = True
        for answerer in self._answerers:
            answerer.close()
        for opened in self._packets.values():
            self._loop.remove_reader(opened)
            if pause := self._pauses.pop(opened, None):
                pause.cancel()
        # A thread closes the socket from which it reads.
        unread = list(self._frames.values())[len(self._answerers) :]
        for opened in (*unread, *self._packets.values(), *self._joined):
            opened.close()

    def _watch(self, opened: socket.socket) -> None:
        self._pauses.pop(opened, None)
        self._loop.add_reader(opened, self._readable, opened)

    def _readable(self, opened: socket.socket) -> None:
        self._full[opened] = 0 if self._read_packets(opened) else self._full.get(opened, 0) + 1
        if self._full[opened] < _BATCHES:
            return
        self._full[opened] = 0
        self._loop.remove_reader(opened)
        self._pauses[opened] = self._loop.call_later(_FLOOD_PAUSE_SECONDS, self._watch, opened)

    def _frames_came(self) -> None:
        """Let the event loop read claims of addresses; without a loop the process is about to end."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._read_frames)

    def _read_frames(self) -> None:
        waiting = [frame for answerer in self._answerers for frame in answerer.waiting()]
        if waiting and not self._is_closed:
            self._handlers.frames(self.interface.name, waiting)

    def _read_packets(self, opened: socket.socket) -> bool:
        """Read some packets; a TTL below 255 shows that a router forwarded one, so it is dropped."""
        for _ in range(_BATCH):
            try:
                data, ancillary, _, source = opened.recvmsg(_LONGEST_PACKET, 64)
            except OSError:
                return True
            ttls = [struct.unpack("@i", value)[0] for _, _, value in ancillary if len(value) == 4]
            if ttls == [_TTL]:
                self._handlers.packet(self.interface.name, ip_address(source[0]), data)
        return False


def _packet_socket(name: str, kind: int) -> socket.socket:
    """Open a socket for frames, closed to all; without a protocol at first, so that none precedes the filter."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        attach(opened, kind, ())
        opened.bind((name, kind))
    except OSError:
        opened.close()
        raise
    return opened


def _hello_socket(interface: Interface, version: int) -> socket.socket:
    family, level, set_ttl, ask_ttl, _ = _LEVELS[version]
    own = next(address for address in interface.addresses if address.version == version)
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.name.encode() + b"\0")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, _PRIORITY)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(level, set_ttl, _TTL)
        opened.setsockopt(level, ask_ttl, 1)
        opened.bind((str(own.ip), PORT))
    except OSError:
        opened.close()
        raise
    return opened
