"""A BGP router on the loopback that accepts all routes: for tests that need no privilege and no network."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from ipaddress import IPv4Address
from types import TracebackType
from typing import Self

from exalb_bgp.rib import Prefix
from exalb_bgp.session import Family
from tests.support.bgp.messages import HEADER, MARKER, Kind, decode, split
from tests.support.tcp_server import TcpServer

LOOPBACK = IPv4Address("127.0.0.1")
AS, ROUTER_ID, HOLD_TIME = 64513, b"\x0a\x00\x00\x02", 90
MULTIPROTOCOL = bytes([1, 4, 0, 1, 0, 1])
"""The capability for IPv4 unicast (RFC 4760 §8); IPv6 is not offered."""
FOUR_OCTET_AS = bytes([65, 4]) + struct.pack("!I", AS)


class Listener:
    """Accepts sessions on a port of its own and keeps a table; `close` drops the session like a lost wire.

    An `unresponsive` one opens sessions as it should, and reads no more from the first UPDATE on.
    """

    def __init__(self, address: IPv4Address = LOOPBACK, *, unresponsive: bool = False) -> None:
        self.address, self._unresponsive = address, unresponsive
        self.table: set[Prefix] = set()
        self.connections = 0
        self.updates = 0
        self.keepalives = 0
        self.ends: list[Family] = []
        self._server: TcpServer | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._moved = asyncio.Condition()

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server
        return self._server.port

    async def __aenter__(self) -> Self:
        """Listen."""
        listening = socket.create_server((str(self.address), 0))
        if self._unresponsive:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # the kernel makes it its least
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 256)  # keeps the sender's buffer small too
        self._server = TcpServer(self._serve, listening, limit=512).begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Listen no more."""
        assert self._server
        await self._server.end()

    def close(self) -> None:
        """Drop the session."""
        if self._writer is not None:
            self._writer.close()

    async def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait until a message makes the condition true."""
        async with asyncio.timeout(seconds), self._moved:
            await self._moved.wait_for(condition)

    async def holds(self, table: set[Prefix], seconds: float = 60.0) -> None:
        """Wait until the table is as given."""
        await self.until(lambda: self.table == table, seconds)

    async def ended(self, times: int = 1, seconds: float = 60.0) -> None:
        """Wait until so many End-of-RIB came."""
        async with asyncio.timeout(seconds), self._moved:
            await self._moved.wait_for(lambda: len(self.ends) >= times)

    async def kept_alive(self, times: int, seconds: float = 60.0) -> None:
        """Wait until so many KEEPALIVEs came."""
        async with asyncio.timeout(seconds), self._moved:
            await self._moved.wait_for(lambda: self.keepalives >= times)

    async def before(self, kind: Kind) -> None:
        """Wait before the first message of this kind; by default not at all."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writer = writer
        capabilities = MULTIPROTOCOL + FOUR_OCTET_AS
        options = bytes([2, len(capabilities)]) + capabilities
        opening = struct.pack("!BHH4sB", 4, AS, HOLD_TIME, ROUTER_ID, len(options)) + options
        await self.before(Kind.OPEN)
        self._say(writer, Kind.OPEN, opening)
        await self.before(Kind.KEEPALIVE)
        self._say(writer, Kind.KEEPALIVE, b"")
        stream = bytearray()
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                stream += data
                for kind, body in split(stream):
                    await self._take(kind, body)
        self.table.clear()
        async with self._moved:
            self._moved.notify_all()

    @staticmethod
    def _say(writer: asyncio.StreamWriter, kind: Kind, body: bytes) -> None:
        writer.write(MARKER + struct.pack("!HB", HEADER + len(body), kind) + body)

    async def _take(self, kind: Kind, body: bytes) -> None:
        if kind is Kind.KEEPALIVE and self._writer is not None:
            self._say(self._writer, Kind.KEEPALIVE, b"")
            self.keepalives += 1
            async with self._moved:
                self._moved.notify_all()
        if kind is not Kind.UPDATE:
            return
        if self._unresponsive:
            await asyncio.Event().wait()  # until the connection ends
        message = decode(0.0, LOOPBACK, LOOPBACK, kind, body)
        self.updates += 1
        self.table |= message.announced
        self.table -= message.withdrawn
        if message.end_of_rib:
            self.ends.append(message.end_of_rib)
        async with self._moved:
            self._moved.notify_all()
