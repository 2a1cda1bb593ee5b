"""The end of a speaker: keeps one process of its node at a goal, and reads the status."""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from typing import Generic

import structlog

from exalb_process.goal_files import LONGEST_LINE, Goal, GoalFiles

_LOG = structlog.get_logger(__name__)
RETRY_SECONDS = 0.2


class GoalClient(ABC, Generic[Goal]):
    """Connects to a process again and again; the process keeps what it does while nobody is connected."""

    def __init__(self, files: GoalFiles, goal: Goal | None = None) -> None:
        self._files = files
        self._goal = goal
        self._writer: asyncio.StreamWriter | None = None
        self._change_event = asyncio.Event()

    @abstractmethod
    def line(self, goal: Goal) -> str:
        """Return a goal as a line."""

    @abstractmethod
    def take(self, line: str) -> None:
        """Take a status. Raises ValueError for a line that is none."""

    def apply(self, goal: Goal) -> None:
        """Make `goal` the goal, in place of the one before; return at once."""
        if goal != self._goal:
            self._goal = goal
            self._send()

    @property
    def connected(self) -> bool:
        """Whether the process is there."""
        return self._writer is not None

    async def changed(self) -> None:
        """Wait for news of the process since this was last called."""
        await self._change_event.wait()
        self._change_event.clear()

    async def run(self) -> None:
        """Connect, again and again, until cancelled."""
        while True:
            with contextlib.suppress(OSError):
                await self._follow()
            await self.pause()

    async def pause(self) -> None:
        """Wait before the next attempt."""
        await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        reader, writer = await asyncio.open_unix_connection(self._files.socket, limit=LONGEST_LINE)
        self._writer = writer
        self._send()
        try:
            while line := await reader.readline():
                self.take(line.decode())
                self._change_event.set()
        except ValueError as error:
            _LOG.warning("goal_link_broken", process=self._files.name, error=str(error), again_in_s=RETRY_SECONDS)
        finally:
            self._writer = None
            self._change_event.set()
            writer.close()

    def _send(self) -> None:
        if self._writer and self._goal is not None:
            self._writer.write(self.line(self._goal).encode())
