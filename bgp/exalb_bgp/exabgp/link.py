"""One connection to ExaBGP's API: commands out, their answers in order back, events as they come."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeAlias

from exalb_bgp.exabgp import wire
from exalb_bgp.exabgp.settings import NEIGHBOR

_READ = 256 * 1024


class RefusedError(Exception):
    """ExaBGP answered a question with an error."""


Answered: TypeAlias = Callable[[bool | None, list[str]], None]
"""Takes the outcome of a command (None if ExaBGP never heard it), and the lines that came before it."""


@dataclass(slots=True)
class _Pending:
    command: str
    answered: Answered
    sent: float
    lines: list[str] = field(default_factory=list)


class Link:
    """Speaks with ExaBGP through its relay. ExaBGP answers in order and without naming the command."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_event: Callable[[str], None]
    ) -> None:
        self._reader, self._writer, self._on_event = reader, writer, on_event
        self._pending: deque[_Pending] = deque()
        self._asked: set[asyncio.Future[list[str]]] = set()
        self._strange = True
        self._ended = False
        self.heard = monotonic()
        """When anything was heard last, in seconds of the monotonic clock."""
        self.told = 0
        """How many events were taken."""
        self.early = 0
        """How many of them came before the first line of the first answer."""
        self.asked = 0
        """How many commands about neighbors were sent."""

    @property
    def idle(self) -> bool:
        """Whether every command was answered."""
        return not self._pending

    @property
    def unanswered(self) -> list[Answered]:
        """Who waits for answers to commands about neighbors, in order: what was asked may have been done."""
        return [one.answered for one in self._pending if one.command.startswith(NEIGHBOR)]

    @property
    def answered_until(self) -> float:
        """The moment, in seconds of the monotonic clock, before which every command was answered that was sent."""
        return self._pending[0].sent if self._pending else monotonic()

    @property
    def congested(self) -> bool:
        """Whether commands pile up on this side."""
        return self._writer.transport.get_write_buffer_size() > _READ

    def send(self, command: str, answered: Answered) -> None:
        """Send one command and have `answered` called."""
        self._pending.append(_Pending(command, answered, monotonic()))
        self.asked += command.startswith(NEIGHBOR)
        if not self._writer.is_closing():
            self._writer.write(command.encode("ascii") + b"\n")

    async def ask(self, command: str) -> list[str]:
        """Send one command and return the lines of its answer.

        Raises RefusedError when ExaBGP answers with an error, ConnectionError when the connection ends before.
        """
        if self._ended:
            raise ConnectionError("the connection to ExaBGP ended")
        outcome: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        self._asked.add(outcome)
        outcome.add_done_callback(self._asked.discard)

        def answered(done: bool | None, lines: list[str]) -> None:
            if outcome.done():
                return
            if done:
                outcome.set_result(lines)
            else:
                outcome.set_exception(RefusedError(command.partition(" ")[0]))

        self.send(command, answered)
        return await outcome

    async def introduce(self) -> list[str]:
        """Begin: have ExaBGP finish what an earlier driver asked, and return the answer to `show neighbor json`.

        What comes before that answer belongs to an earlier driver, but for the events.
        """
        self._writer.write(b"reset\n")
        return await self.ask("show neighbor json")

    async def run(self, turn: Callable[[], None]) -> None:
        """Read until the other end is gone, handing events on as they come; call `turn` after each batch."""
        rest = b""
        try:
            while (data := await self._reader.read(_READ)) and not self._writer.is_closing():
                self.heard = monotonic()
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._take(line.decode("ascii", "replace"))
                turn()
        finally:
            self._ended = True
            for outcome in self._asked:
                if not outcome.done():
                    outcome.set_exception(ConnectionError("the connection to ExaBGP ended"))

    def close(self) -> None:
        """Leave; commands without an answer stay without one."""
        self._writer.close()

    def _take(self, line: str) -> None:
        if line.startswith(wire.EVENT):
            self._on_event(line)
            self.told += 1
        elif self._strange and not line.startswith("["):
            return
        elif not self._pending:
            raise ConnectionError("ExaBGP answered what was not asked")
        elif line in {wire.DONE, wire.ERROR}:
            pending = self._pending.popleft()
            pending.answered(line == wire.DONE, pending.lines)
        else:
            if self._strange:
                self._strange, self.early = False, self.told
            self._pending[0].lines.append(line)


async def until(condition: Callable[[], bool], seconds: float, look: float = 0.005) -> bool:
    """Wait for a condition, looking at it every `look` seconds, for at most `seconds`; return whether it came true."""
    deadline = monotonic() + seconds
    while not condition():
        if monotonic() > deadline:
            return False
        await asyncio.sleep(look)
    return True
