"""The client of the BFD process: gives it a goal, and reads the status of its sessions."""

import asyncio
import contextlib
from collections.abc import Mapping

import structlog

from exalb_bfd.peers import BfdSession, BfdStatus, Peer, goal_line, sessions_of
from exalb_bfd.settings import BfdSettings

_LOG = structlog.get_logger(__name__)
_RETRY_SECONDS = 0.2
_IDLE_SECONDS = 5.0
"""Time between two attempts without a goal: only a process that continues an old goal could be there."""
_LONGEST_LINE = 1 << 20


class BfdClient:
    """Keeps one BFD process at a goal. It need not run: without a goal nobody asks for it."""

    def __init__(self, settings: BfdSettings) -> None:
        self._settings = settings
        self._goal: dict[str, Peer] = {}
        self._sessions: Mapping[str, BfdSession] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._change_event, self._news, self._goal_set = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def apply(self, goal: Mapping[str, Peer]) -> None:
        """Make `goal` the sessions, in place of those before; return at once."""
        if goal != self._goal:
            self._goal = dict(goal)
            self._goal_set.set()
            self._send()

    def status(self) -> BfdStatus:
        """Return the status; while the process starts again, the sessions are as they were."""
        sessions = {name: session for name, session in self._sessions.items() if name in self._goal}
        return BfdStatus(self._writer is not None, sessions)

    async def known(self, seconds: float) -> None:
        """Wait until the state of every session is known, but no longer than that."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._is_known:
                    self._news.clear()
                    await self._news.wait()

    @property
    def _is_known(self) -> bool:
        return all(name in self._sessions and not self._sessions[name].listening for name in self._goal)

    async def changed(self) -> None:
        """Wait for news of the process since this was last called."""
        await self._change_event.wait()
        self._change_event.clear()

    async def run(self) -> None:
        """Connect, again and again, until cancelled; the process keeps its sessions then."""
        while True:
            with contextlib.suppress(OSError):
                await self._follow()
            await self._pause()

    async def _pause(self) -> None:
        """Wait before the next attempt; a node without BFD wakes seldom."""
        if self._goal:
            await asyncio.sleep(_RETRY_SECONDS)
            return
        self._goal_set.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_IDLE_SECONDS):
                await self._goal_set.wait()

    async def _follow(self) -> None:
        reader, writer = await asyncio.open_unix_connection(self._settings.socket, limit=_LONGEST_LINE)
        self._writer = writer
        self._send()
        try:
            while line := await reader.readline():
                self._take(sessions_of(line.decode()))
        except ValueError as error:
            _LOG.warning("bfd_link_broken", error=str(error), again_in_s=_RETRY_SECONDS)
        finally:
            self._writer = None
            self._change_event.set()
            writer.close()

    def _take(self, sessions: Mapping[str, BfdSession]) -> None:
        """Take a status; a new process that still listens says nothing about the sessions of the last one."""
        before = self._sessions
        self._sessions = {
            name: before[name] if session.listening and name in before else session
            for name, session in sessions.items()
        }
        self._change_event.set()
        self._news.set()

    def _send(self) -> None:
        if self._writer:
            self._writer.write(goal_line(self._goal).encode())
