"""A way to the lab's API server that can be shut: a TCP relay between this machine's loopback and the lab's network.

TLS goes through untouched. What is shut looks like a network that fails: connections break, and new ones are refused.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.lab.network import Namespace

T = TypeVar("T")


class Gate:
    """Relays to `host`:`port` as seen from `namespace`, in a thread; use it as a context."""

    def __init__(self, namespace: Namespace, host: str, port: int) -> None:
        self._namespace, self._target = namespace, (host, port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gate", daemon=True)
        self._server: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()
        self.port = 0

    def lead_to(self, port: int) -> None:
        """Lead connections that come from now on to another port."""
        self._target = self._target[0], port

    @property
    def url(self) -> str:
        """The API server as seen through the gate."""
        return f"https://localhost:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def open(self) -> None:
        """Let connections through, on the same port as before."""
        self._run(self._open())

    def shut(self) -> None:
        """Break all connections, and refuse new ones."""
        self._run(self._shut())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        for relay in list(self._relays):
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._relays.add(task)
        try:
            await self._relay(reader, writer)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._relays.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.ExitStack() as unless_connected:
            made = unless_connected.enter_context(self._namespace.open_socket(socket.AF_INET, socket.SOCK_STREAM))
            made.setblocking(False)
            await self._loop.sock_connect(made, self._target)
            unless_connected.pop_all()
        far_reader, far_writer = await asyncio.open_connection(sock=made)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_copy(reader, far_writer))
                tasks.create_task(_copy(far_reader, writer))
        finally:
            far_writer.transport.abort()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()
