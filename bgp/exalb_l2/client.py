"""The client of the L2 process: gives it a goal, and reads what it announces."""

import asyncio
import contextlib
from dataclasses import replace

import structlog

from exalb_l2.goal import Goal, L2Status, goal_line, status_of
from exalb_l2.settings import L2Settings

_LOG = structlog.get_logger(__name__)
_RETRY_SECONDS = 0.2
_LONGEST_LINE = 1 << 22


class L2Client:
    """Keeps one L2 process at a goal."""

    def __init__(self, settings: L2Settings) -> None:
        self._settings = settings
        self._goal: Goal | None = None
        self._status = L2Status()
        self._writer: asyncio.StreamWriter | None = None
        self._news = asyncio.Event()

    def apply(self, goal: Goal) -> None:
        """Make `goal` the addresses, in place of those before; return at once."""
        if goal != self._goal:
            self._goal = goal
            self._send()

    def status(self) -> L2Status:
        """Return the last status; while the process starts again, `connected` is false."""
        return replace(self._status, connected=self._writer is not None)

    async def changed(self) -> None:
        """Wait for news of the process since this was last called."""
        await self._news.wait()
        self._news.clear()

    async def run(self) -> None:
        """Connect, again and again, until cancelled; the process keeps its addresses then."""
        while True:
            with contextlib.suppress(OSError):
                await self._follow()
            await asyncio.sleep(_RETRY_SECONDS)

    async def _follow(self) -> None:
        reader, writer = await asyncio.open_unix_connection(self._settings.socket, limit=_LONGEST_LINE)
        self._writer = writer
        self._send()
        try:
            while line := await reader.readline():
                self._status = status_of(line.decode())
                self._news.set()
        except ValueError as error:
            _LOG.warning("l2_link_broken", error=str(error), again_in_s=_RETRY_SECONDS)
        finally:
            self._writer = None
            self._news.set()
            writer.close()

    def _send(self) -> None:
        if self._writer and self._goal is not None:
            self._writer.write(goal_line(self._goal).encode())
