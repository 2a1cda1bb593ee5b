"""An observer of a router's kernel table: every route that came, changed or went, with the time of its notice."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from exalb_bgp.rib import Address, Prefix
from tests.lab.network import Namespace
from tests.support.bgp.sniffer import WireError
from tests.support.socket_watcher import SocketWatcher

IPV4_ROUTES, IPV6_ROUTES = 0x40, 0x400
"""Groups of rtnetlink(7)."""
NEW_ROUTE, DELETE_ROUTE = 24, 25
DESTINATION, GATEWAY, MULTIPATH = 1, 5, 9
HEADER, ROUTE, NEXT_HOP = struct.Struct("IHHII"), struct.Struct("BBBBBBBBI"), struct.Struct("HBBi")
BUFFER = 16 << 20


@dataclass(frozen=True, slots=True)
class Change:
    """One notice of the kernel."""

    time: float
    """When it was read: UNIX time in seconds."""
    prefix: Prefix
    gateways: frozenset[Address]
    """Empty when the route went."""


class KernelRoutes(SocketWatcher):
    """Watches the tables of a namespace while its `with` block lasts."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.changes: list[Change] = []
        """All that happened so far, in order."""
        self._news = threading.Condition()
        opened = namespace.open_socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        opened.bind((0, IPV4_ROUTES | IPV6_ROUTES))
        super().__init__(opened, f"routes of {namespace.name}")

    def reached(
        self, prefix: Prefix, wanted: Callable[[frozenset[Address]], bool], after: float = 0, seconds: float = 10
    ) -> float:
        """Wait for a change that gives the prefix wanted gateways, and return when, in UNIX time; else WireError."""

        def matching() -> Iterator[float]:
            return (c.time for c in self.changes if c.time > after and c.prefix == prefix and wanted(c.gateways))

        with self._news:
            if not self._news.wait_for(lambda: any(True for _ in matching()), seconds):
                seen = [change for change in self.changes if change.prefix == prefix and change.time > after]
                raise WireError(f"{self.namespace.name}: {prefix} never got its gateways in {seconds:.0f} s: {seen}")
            return next(matching())

    def read(self) -> None:
        """Note the changes of the next notice."""
        data = self._socket.recv(BUFFER)
        now = time.time()
        with self._news:
            self.changes += _changes(data, now)
            self._news.notify_all()


def _changes(data: bytes, now: float) -> Iterator[Change]:
    at = 0
    while at + HEADER.size <= len(data):
        length, kind, *_ = HEADER.unpack_from(data, at)
        if kind in {NEW_ROUTE, DELETE_ROUTE}:
            yield _change(data[at + HEADER.size : at + length], now, gone=kind == DELETE_ROUTE)
        at += length + 3 & ~3


def _change(body: bytes, now: float, *, gone: bool) -> Change:
    family, bits, *_ = ROUTE.unpack_from(body)
    attributes = dict(_attributes(body[ROUTE.size :]))
    prefix: Prefix
    if family == socket.AF_INET:
        prefix = IPv4Network((attributes.get(DESTINATION, bytes(4)), bits))
    else:
        prefix = IPv6Network((attributes.get(DESTINATION, bytes(16)), bits))
    hops = [attributes, *_next_hops(attributes.get(MULTIPATH, b""))]
    gateways = frozenset(_address(hop[GATEWAY]) for hop in hops if GATEWAY in hop)
    return Change(now, prefix, frozenset() if gone else gateways)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("HH", data, at)
        yield kind, data[at + 4 : at + length]
        at += length + 3 & ~3


def _next_hops(data: bytes) -> Iterator[dict[int, bytes]]:
    at = 0
    while at + NEXT_HOP.size <= len(data):
        length, *_ = NEXT_HOP.unpack_from(data, at)
        yield dict(_attributes(data[at + NEXT_HOP.size : at + length]))
        at += length + 3 & ~3


def _address(packed: bytes) -> Address:
    return IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)
