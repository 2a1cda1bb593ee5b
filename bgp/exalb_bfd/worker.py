"""The process that has the sessions: takes its goal from a unix socket, and says there each change of a session."""

import asyncio
import contextlib
import gc
import os
import signal

import structlog

from exalb_bfd.engine import Engine
from exalb_bfd.peers import goal_line, goal_of, status_line
from exalb_bfd.settings import BfdSettings

_LOG = structlog.get_logger(__name__)
_NICE = -10
"""Other programs must not make packets late; without the right to it, the process does without."""
_COUNT_SECONDS = 5.0
"""How often the status is said without a change, for its counters."""
_LONGEST_LINE = 1 << 20


def work(settings: BfdSettings) -> None:
    """Run the sessions until SIGTERM; then ask the routers to wait for the next process."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    gc.freeze()
    asyncio.run(Worker(settings).run())


class Worker:
    """An engine behind a unix socket."""

    def __init__(self, settings: BfdSettings) -> None:
        self._settings = settings
        self._engine = Engine(self._changed)
        self._clients: set[asyncio.StreamWriter] = set()
        self._saying: asyncio.Handle | None = None

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        ending = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ending.set)
        self._resume()
        server = await self._listen()
        tasks = [asyncio.create_task(part) for part in (ending.wait(), self._engine.run(), self._say_counts())]
        ended, running = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            task.cancel()
        server.close()
        self._clients.clear()  # the sessions go on in the next process, so nothing is said about their end in this one
        await self._engine.leave()
        for task in ended:
            task.result()

    def _resume(self) -> None:
        try:
            self._engine.apply(goal_of(self._settings.goal.read_text()))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            _LOG.warning("bfd_goal_unreadable", error=str(error), remedy="waiting for the speaker to connect")

    async def _listen(self) -> asyncio.Server:
        self._settings.socket.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            return await asyncio.start_unix_server(self._serve, self._settings.socket, limit=_LONGEST_LINE)
        finally:
            os.umask(before)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            self._say()
            while line := await reader.readline():
                goal = goal_of(line.decode())
                self._store(goal_line(goal))
                self._engine.apply(goal)
        except (OSError, ValueError) as error:
            _LOG.warning("bfd_client_left", error=str(error), remedy="waiting for the speaker to connect again")
        finally:
            self._clients.discard(writer)
            writer.close()

    def _store(self, text: str) -> None:
        fresh = self._settings.goal.with_suffix(".new")
        try:
            fresh.write_text(text)
            fresh.replace(self._settings.goal)
        except OSError as error:
            _LOG.warning("bfd_goal_not_written", error=str(error), remedy="free space in the directory")

    def _changed(self) -> None:
        """Say the status once for all changes of this turn of the loop."""
        if self._saying is None:
            self._saying = asyncio.get_running_loop().call_soon(self._say)

    def _say(self) -> None:
        self._saying = None
        line = status_line(self._engine.status()).encode()
        for client in self._clients:
            if client.transport.get_write_buffer_size() < _LONGEST_LINE:
                client.write(line)

    async def _say_counts(self) -> None:
        while True:
            await asyncio.sleep(_COUNT_SECONDS)
            self._say()
