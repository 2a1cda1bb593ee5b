"""A way to the lab's API server that can be shut: a TCP relay between this machine's loopback and the lab's network.

TLS goes through untouched. What is shut looks like a network that fails: connections break, and new ones break at once.
"""

import asyncio
import socket
import threading
from collections.abc import Coroutine
from dataclasses import replace
from ipaddress import IPv4Address
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.lab.network import Namespace
from tests.lab.relay import Target, open_connection
from tests.support.tcp_server import TcpServer

T = TypeVar("T")


class Gate:
    """Relays to `host`:`port` as seen from `namespace`, in a thread; use it as a context."""

    def __init__(self, namespace: Namespace, host: str, port: int) -> None:
        self._target = Target(namespace, IPv4Address(host), port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gate", daemon=True)
        self._server: TcpServer | None = None
        self._is_open = True
        self._swallow = False
        self._idle: float | None = None
        self.cut = 0
        """Connections that were cut because nothing passed."""
        self.port = 0
        self.refused = 0
        """Connections that came while the gate was shut."""

    def lead_to(self, port: int) -> None:
        """Lead connections that come from now on to another port."""
        self._target = replace(self._target, port=port)

    @property
    def url(self) -> str:
        """The API server as seen through the gate."""
        return f"https://localhost:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def open(self) -> None:
        """Let connections through again."""
        self._is_open = True

    def shut(self) -> None:
        """Break all connections, and new ones as they come."""
        self._is_open = False
        self._run(self._break())

    def swallow_next_answer(self) -> None:
        """Let the next request through, and break its connection when the server answers."""
        self._swallow = True

    def cut_idle(self, seconds: float) -> None:
        """Cut connections, of those that come from now on, on which nothing passes for so long, as proxies do."""
        self._idle = seconds

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = TcpServer(self._accept, socket.create_server(("127.0.0.1", 0))).begin()
        self.port = self._server.port

    async def _close(self) -> None:
        if self._server:
            await self._server.end()

    async def _break(self) -> None:
        if self._server:
            await self._server.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._is_open:
            self.refused += 1
            writer.transport.abort()
            return
        try:
            await self._relay(reader, writer)
        except* (OSError, asyncio.CancelledError):
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await open_connection(self._target)
        asked, passed = asyncio.Event(), asyncio.Event()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._ask(reader, far_writer, asked, passed))
                tasks.create_task(self._answer(far_reader, writer, asked, passed))
                if self._idle is not None:
                    tasks.create_task(self._cut_when_idle(passed, self._idle))
        finally:
            far_writer.transport.abort()

    async def _cut_when_idle(self, passed: asyncio.Event, seconds: float) -> None:
        while True:
            passed.clear()
            try:
                async with asyncio.timeout(seconds):
                    await passed.wait()
            except TimeoutError:
                self.cut += 1
                raise ConnectionAbortedError from None

    async def _ask(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, asked: asyncio.Event, passed: asyncio.Event
    ) -> None:
        while data := await source.read(65536):
            passed.set()
            if self._swallow:
                self._swallow = False
                asked.set()
            target.write(data)
            await target.drain()
        raise ConnectionAbortedError

    async def _answer(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, asked: asyncio.Event, passed: asyncio.Event
    ) -> None:
        while data := await source.read(65536):
            passed.set()
            if asked.is_set():
                break
            target.write(data)
            await target.drain()
        raise ConnectionAbortedError
