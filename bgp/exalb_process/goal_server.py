"""The end of a process: takes goals from a unix socket, keeps the last for the next process, and says the status."""

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Generic

import structlog

from exalb_process.goal_files import LONGEST_LINE, Goal, GoalFiles
from exalb_process.unix_socket import bound

_LOG = structlog.get_logger(__name__)
_NICE = -10
"""Other programs must not make the process late; without the right to it, it does without."""
_MODE = 0o660
"""A process may run as root for a right that it needs; the speaker then has its group."""


def run_punctually(program: Coroutine[Any, Any, None]) -> None:
    """Run a program before those of others, as far as allowed, until it ends."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    gc.freeze()
    asyncio.run(program)


def ending() -> asyncio.Event:
    """Return what SIGTERM and SIGINT set from now on."""
    came = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, came.set)
    return came


class GoalServer(Generic[Goal]):
    """Hands each goal to `apply`, and says `status` to each client: at once, after each change, and now and then."""

    def __init__(
        self,
        files: GoalFiles,
        form: tuple[Callable[[str], Goal], Callable[[Goal], str]],
        apply: Callable[[Goal], None],
        status: Callable[[], str],
    ) -> None:
        """`form` reads a goal from a line, and writes one."""
        self._files, self._apply, self._status = files, apply, status
        self._read, self._write = form
        self._clients: set[asyncio.StreamWriter] = set()
        self._saying: asyncio.Handle | None = None

    def resume(self) -> None:
        """Continue with the goal of the last process."""
        try:
            self._apply(self._read(self._files.goal.read_text()))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            _LOG.warning(
                "goal_unreadable",
                process=self._files.name,
                error=str(error),
                remedy="waiting for the speaker to connect",
            )

    async def listen(self) -> asyncio.Server:
        """Take clients from now on. Raises OSError."""
        listening = bound(self._files.socket, _MODE)
        return await asyncio.start_unix_server(self._serve, sock=listening, limit=LONGEST_LINE)

    def forget_clients(self) -> None:
        """Say nothing any more."""
        self._clients.clear()

    def changed(self) -> None:
        """Say the status once for all changes of this turn of the loop."""
        if self._saying is None:
            self._saying = asyncio.get_running_loop().call_soon(self._say)

    async def say_every(self, seconds: float) -> None:
        """Say the status also without a change, for its counters, until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            self._say()

    async def _follow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            self._say()
            while line := await reader.readline():
                goal = self._read(line.decode())
                self._store(self._write(goal))
                self._apply(goal)
        except (OSError, ValueError) as error:
            _LOG.warning(
                "goal_client_left",
                process=self._files.name,
                error=str(error),
                remedy="waiting for the speaker to connect again",
            )
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # Python 3.11 logs a traceback of it when the process ends
            await self._follow(reader, writer)

    def _store(self, text: str) -> None:
        fresh = self._files.goal.with_suffix(".new")
        try:
            fresh.write_text(text)
            fresh.replace(self._files.goal)
        except OSError as error:
            _LOG.warning(
                "goal_not_written", process=self._files.name, error=str(error), remedy="free space in the directory"
            )

    def _say(self) -> None:
        self._saying = None
        line = self._status().encode()
        for client in self._clients:
            if client.transport.get_write_buffer_size() < LONGEST_LINE:
                client.write(line)
