"""The process that answers: takes its goal from a unix socket, and says there what it announces."""

import asyncio
import contextlib
import gc
import os
import signal

import structlog

from exalb_l2.goal import goal_line, goal_of, status_line
from exalb_l2.responder import Responder
from exalb_l2.settings import L2Settings

_LOG = structlog.get_logger(__name__)
_NICE = -10
"""Other programs must not make it late; without the right to it, the process does without."""
_COUNT_SECONDS = 15.0
"""How often the status is said without a change, for its counter."""
_LONGEST_LINE = 1 << 22


def work(settings: L2Settings) -> None:
    """Answer until SIGTERM; then let all addresses go."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    gc.freeze()
    asyncio.run(Worker(settings).run())


class Worker:
    """A responder behind a unix socket."""

    def __init__(self, settings: L2Settings) -> None:
        self._settings = settings
        self._clients: set[asyncio.StreamWriter] = set()
        self._saying: asyncio.Handle | None = None
        self._responder: Responder | None = None

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        ending, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ending.set)
        self._responder = responder = Responder(self._changed)
        responder.start()
        self._resume(responder)
        server = await self._listen()
        counting = asyncio.create_task(self._say_counts())
        await ending.wait()
        _LOG.info("stopping", signal="SIGTERM")
        counting.cancel()
        server.close()
        await responder.leave()

    def _resume(self, responder: Responder) -> None:
        try:
            responder.apply(goal_of(self._settings.goal.read_text()))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            _LOG.warning("l2_goal_unreadable", error=str(error), remedy="waiting for the speaker to connect")

    async def _listen(self) -> asyncio.Server:
        self._settings.socket.unlink(missing_ok=True)
        before = os.umask(0o117)
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
                if self._responder:
                    self._responder.apply(goal)
        except (OSError, ValueError) as error:
            _LOG.warning("l2_client_left", error=str(error), remedy="waiting for the speaker to connect again")
        finally:
            self._clients.discard(writer)
            writer.close()

    def _store(self, text: str) -> None:
        fresh = self._settings.goal.with_suffix(".new")
        try:
            fresh.write_text(text)
            fresh.replace(self._settings.goal)
        except OSError as error:
            _LOG.warning("l2_goal_not_written", error=str(error), remedy="free space in the directory")

    def _changed(self) -> None:
        """Say the status once for all changes of this turn of the loop."""
        if self._saying is None:
            self._saying = asyncio.get_running_loop().call_soon(self._say)

    def _say(self) -> None:
        self._saying = None
        if self._responder is None:
            return
        line = status_line(self._responder.status()).encode()
        for client in self._clients:
            if client.transport.get_write_buffer_size() < _LONGEST_LINE:
                client.write(line)

    async def _say_counts(self) -> None:
        while True:
            await asyncio.sleep(_COUNT_SECONDS)
            self._say()
