"""HTTP/1.1 with one server, over connections that are kept.

h11 writes and reads the messages; this opens and keeps the connections. There is what the API server needs, and no
more: no redirects, cookies, proxies or forms. The client of aiohttp takes 7 MB of each process (docs/decisions/051).
"""

import asyncio
import socket
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import quote, urlencode, urlsplit

import h11

from exalb.runtime.http_answer import Answer, connection_errors

CONNECT_SECONDS = 5.0
"""For a connection with TLS, until its first request can be sent."""
_EYEBALLS_SECONDS = 0.25
"""After this time the next address of the server is tried too (RFC 8305)."""
_KEEP_SECONDS = 15.0
"""A connection that has no request for so long is closed, before the server does it."""
# asyncio reserves so many octets for each connection, by default 256 KiB. A record of TLS has 16 KiB (RFC 8446 §5.1).
SSLProtocol.max_size = 1 << 14
_IN_TARGET = "/?&=%+:@!$'()*,;~"
"""Characters of a path and its query besides letters and digits (RFC 3986)."""


class CannotConnectError(ConnectionError):
    """There is no connection, so nothing was sent."""


class HttpClient:
    """The client of one server; `fields` go with each request. All that fails raises OSError."""

    def __init__(self, url: str, tls: ssl.SSLContext | None = None, fields: Mapping[str, str] | None = None) -> None:
        """Open no connection yet. `tls` is for https; None trusts the authorities of the machine."""
        parts = urlsplit(url)
        is_https = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port or (443 if is_https else 80)
        self._tls = (tls or True) if is_https else None
        self._prefix = parts.path.rstrip("/")
        host = parts.netloc.rpartition("@")[2]
        self._fields = {"Host": host, "Accept": "*/*", "Accept-Encoding": "gzip", **(fields or {})}
        self._idle: list[_Connection] = []
        self._busy: set[_Connection] = set()

    def close(self) -> None:
        """End all connections."""
        for connection in [*self._idle, *self._busy]:
            self._end(connection)

    @asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        fields: Mapping[str, str] | None = None,
        *,
        silence: float | None = None,
    ) -> AsyncIterator[Answer]:
        """Send a request, and give its answer, whose body can be read within the context.

        `silence` is for how many seconds the server may say nothing.
        """
        asked = self._request(method, path, query, body, fields or {})
        connection, answer = await self._begin(asked, body, silence, may_repeat=method == "GET")
        try:
            yield answer
        finally:
            if answer.leaves_connection and connection in self._busy:
                self._keep(connection)
            else:
                self._end(connection)

    def _request(
        self, method: str, path: str, query: Mapping[str, str] | None, body: bytes | None, fields: Mapping[str, str]
    ) -> h11.Request:
        target = quote(self._prefix + path, safe=_IN_TARGET) + (f"?{urlencode(query)}" if query else "")
        length = {} if body is None else {"Content-Length": str(len(body))}
        named = {**self._fields, **fields, **length}.items()
        with connection_errors():
            headers = [(name.encode(), value.encode("latin-1", errors="replace")) for name, value in named]
            return h11.Request(method=method, target=target, headers=headers)

    async def _begin(
        self, asked: h11.Request, body: bytes | None, silence: float | None, *, may_repeat: bool
    ) -> "tuple[_Connection, Answer]":
        """Send a request over a kept connection, or over a new one where there is none or the server closed it."""
        if connection := self._kept():
            try:
                return connection, await self._send(connection, asked, body, silence)
            except ConnectionError:
                if not may_repeat:
                    raise
        connection = await self._connect()
        return connection, await self._send(connection, asked, body, silence)

    async def _send(
        self, connection: "_Connection", asked: h11.Request, body: bytes | None, silence: float | None
    ) -> Answer:
        self._busy.add(connection)
        protocol = connection.protocol
        try:
            with connection_errors():
                parts = [protocol.send(event) for event in (asked, h11.Data(body or b""), h11.EndOfMessage())]
            connection.writer.write(b"".join(part for part in parts if part))
            await connection.writer.drain()
            answer = Answer(connection.reader, protocol, silence)
            await answer.begin()
        except BaseException:
            self._end(connection)
            raise
        return answer

    async def _connect(self) -> "_Connection":
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(
                    self._host, self._port, ssl=self._tls, happy_eyeballs_delay=_EYEBALLS_SECONDS
                )
        except (OSError, UnicodeError) as error:
            words = str(error) or "no answer in time"
            raise CannotConnectError(f"cannot connect to {self._host} port {self._port}: {words}") from error
        notice_loss(writer.get_extra_info("socket"))
        return _Connection(reader, writer)

    def _kept(self) -> "_Connection | None":
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                if connection.timer:
                    connection.timer.cancel()
                return connection
            self._end(connection)
        return None

    def _keep(self, connection: "_Connection") -> None:
        connection.protocol.start_next_cycle()
        connection.timer = asyncio.get_running_loop().call_later(_KEEP_SECONDS, self._end, connection)
        self._busy.discard(connection)
        self._idle.append(connection)

    def _end(self, connection: "_Connection") -> None:
        if connection.timer:
            connection.timer.cancel()
        if connection in self._idle:
            self._idle.remove(connection)
        self._busy.discard(connection)
        connection.writer.transport.abort()


class _Connection:
    """A connection, and the timer that ends it while no request needs it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.protocol = h11.Connection(h11.CLIENT)
        self.timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether neither end has closed it, as far as known."""
        return not self.reader.at_eof() and not self.writer.is_closing()


def notice_loss(sock: socket.socket) -> None:
    """Make a socket notice within half a minute that the other end vanished without a word."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 25_000)
