"""A TCP server in this process, which ends with all its connections, also with those that come meanwhile.

That of asyncio cannot be used where others connect when they like: a connection that it accepts as it closes belongs
to nobody, and is never closed.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Self

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class TcpServer:
    """Calls `serve` for each connection, in a task of its own; the connection ends with it."""

    def __init__(self, serve: Serve, listening: socket.socket, limit: int = 1 << 16) -> None:
        self._serve, self._listening, self._limit = serve, listening, limit
        self._talks: set[asyncio.Task[None]] = set()
        self._is_ending = False
        self._accepting: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        port: int = self._listening.getsockname()[1]
        return port

    def begin(self) -> Self:
        """Accept connections from now on."""
        self._listening.setblocking(False)
        self._accepting = asyncio.create_task(self._accept())
        return self

    async def end(self) -> None:
        """Accept no more connections, and end those that are there.

        The task that accepts is not cancelled, because it could lose a connection then. A connection wakes it.
        """
        assert self._accepting
        self._is_ending = True
        with contextlib.suppress(OSError), socket.socket(self._listening.family) as last:
            last.setblocking(False)
            await asyncio.get_running_loop().sock_connect(last, self._listening.getsockname())
        await self._accepting
        await self.cancel()

    async def cancel(self) -> None:
        """End all connections, which lose what waits to be sent."""
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _accept(self) -> None:
        with self._listening:
            while True:
                connection, _ = await asyncio.get_running_loop().sock_accept(self._listening)
                if self._is_ending:
                    connection.close()
                    return
                talk = asyncio.create_task(self._talk(connection))
                self._talks.add(talk)
                talk.add_done_callback(self._talks.discard)
                # A task that is cancelled before it begins does nothing; else the socket is closed already.
                talk.add_done_callback(lambda _, connection=connection: connection.close())  # type: ignore[misc]

    async def _talk(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection, limit=self._limit)
        try:
            await self._serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
