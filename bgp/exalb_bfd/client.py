"""The client of the BFD process: gives it a goal, and reads the status of its sessions."""

import asyncio
import contextlib
from collections.abc import Mapping

from exalb_bfd.peers import BfdSession, BfdStatus, Peer, goal_line, sessions_of
from exalb_bfd.settings import BfdSettings
from exalb_process.goal_client import GoalClient

_IDLE_SECONDS = 5.0
"""Time between two attempts without a goal: only a process that continues an old goal could be there."""


class BfdClient(GoalClient[Mapping[str, Peer]]):
    """Keeps one BFD process at a goal. It need not run: without a goal nobody asks for it."""

    def __init__(self, settings: BfdSettings) -> None:
        super().__init__(settings, {})
        self._sessions: Mapping[str, BfdSession] = {}
        self._news, self._goal_set = asyncio.Event(), asyncio.Event()

    def apply(self, goal: Mapping[str, Peer]) -> None:
        """Make `goal` the sessions, in place of those before; return at once."""
        if goal != self._goal:
            super().apply(dict(goal))
            self._goal_set.set()

    def status(self) -> BfdStatus:
        """Return the status; while the process starts again, the sessions are as they were."""
        goal = self._goal or {}
        return BfdStatus(self.connected, {name: its for name, its in self._sessions.items() if name in goal})

    async def known(self, seconds: float) -> None:
        """Wait until the state of every session is known, but no longer than that."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._is_known:
                    self._news.clear()
                    await self._news.wait()

    @property
    def _is_known(self) -> bool:
        return all(name in self._sessions and not self._sessions[name].listening for name in self._goal or {})

    async def pause(self) -> None:
        """Wait before the next attempt; a node without BFD wakes seldom."""
        if self._goal:
            await super().pause()
            return
        self._goal_set.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_IDLE_SECONDS):
                await self._goal_set.wait()

    def line(self, goal: Mapping[str, Peer]) -> str:
        """Return a goal as a line."""
        return goal_line(goal)

    def take(self, line: str) -> None:
        """Take a status; a new process that still listens says nothing about the sessions of the last one."""
        before = self._sessions
        self._sessions = {
            name: before[name] if session.listening and name in before else session
            for name, session in sessions_of(line).items()
        }
        self._news.set()
