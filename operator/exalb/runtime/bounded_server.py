"""Bounds the connections of an HTTP server that anybody on the network may reach.

There are at most MAX_CONNECTIONS: a new one replaces the oldest, so that connections that send nothing keep no probe
out. Each one ends after MAX_SECONDS, whatever it does: a scrape takes far less.
"""

import asyncio
from collections.abc import Callable
from typing import cast

MAX_CONNECTIONS = 64
MAX_SECONDS = 10.0


class BoundedServer:
    """A factory of protocols for `create_server`; `protocols` makes those that do the work."""

    def __init__(
        self,
        protocols: Callable[[], asyncio.BaseProtocol],
        max_connections: int = MAX_CONNECTIONS,
        max_seconds: float = MAX_SECONDS,
    ) -> None:
        self._protocols, self._max_connections, self._max_seconds = protocols, max_connections, max_seconds
        self._connections: dict[_Connection, asyncio.TimerHandle] = {}
        """In the order in which they were accepted."""

    def __call__(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        return _Connection(cast("asyncio.Protocol", self._protocols()), self)

    def opened(self, connection: "_Connection") -> None:
        """Note a connection; end the oldest where there are too many."""
        if len(self._connections) >= self._max_connections:
            self._end(next(iter(self._connections)))
        timer = asyncio.get_running_loop().call_later(self._max_seconds, self._end, connection)
        self._connections[connection] = timer

    def closed(self, connection: "_Connection") -> None:
        """Note the end of a connection."""
        if timer := self._connections.pop(connection, None):
            timer.cancel()

    def close(self) -> None:
        """End all connections."""
        for connection in list(self._connections):
            self._end(connection)

    def _end(self, connection: "_Connection") -> None:
        self.closed(connection)
        connection.abort()


class _Connection(asyncio.Protocol):
    def __init__(self, protocol: asyncio.Protocol, server: BoundedServer) -> None:
        self._protocol, self._server = protocol, server
        self._transport: asyncio.Transport | None = None

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, and hand it on."""
        self._transport = cast("asyncio.Transport", transport)
        self._server.opened(self)
        self._protocol.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting the connection."""
        self._server.closed(self)
        self._protocol.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hand on."""
        self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        """Hand on."""
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        """Hand on."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Hand on."""
        self._protocol.resume_writing()
