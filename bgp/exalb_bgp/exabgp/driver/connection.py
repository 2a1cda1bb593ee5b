"""One connection to ExaBGP's API: it sends commands, matches their answers by order, and passes on events."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from exalb_bgp.exabgp.driver import api_lines
from exalb_bgp.exabgp.driver.resumption import Answer, Answered, Counters
from exalb_bgp.exabgp.interface import COUNTERS, NEIGHBOR

_BUFFER_SIZE = 256 * 1024


class RefusedError(Exception):
    """ExaBGP answered a question with an error."""


@dataclass(slots=True)
class _Pending:
    command: str
    answered: Answered
    sent: float
    lines: list[str] = field(default_factory=list)


class ApiConnection:
    """Talks to ExaBGP through its relay. ExaBGP answers in order, without the name of the command."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_event: Callable[[str], None],
        on_send: Callable[[], None] = lambda: None,
    ) -> None:
        self._reader, self._writer, self._on_event, self._on_send = reader, writer, on_event, on_send
        self._pending: deque[_Pending] = deque()
        self._questions: set[asyncio.Future[list[str]]] = set()
        self._unsynchronized = True
        self._ended = False
        self.last_read = monotonic()
        """The time of the last read, in seconds of the monotonic clock."""
        self.events_received = 0
        """How many events were received."""
        self._events_before_answer = 0
        """How many of them were received before the first line of the first answer."""
        self.commands_sent = 0
        """How many commands about neighbors were sent."""

    @property
    def idle(self) -> bool:
        """Whether every command was answered."""
        return not self._pending

    @property
    def unanswered(self) -> list[Answered]:
        """The callbacks of unanswered commands about neighbors, in order: ExaBGP may have executed these commands."""
        return [pending.answered for pending in self._pending if pending.command.startswith(NEIGHBOR)]

    @property
    def answered_until(self) -> float:
        """The time, in seconds of the monotonic clock, before which every sent command was answered."""
        return self._pending[0].sent if self._pending else monotonic()

    @property
    def congested(self) -> bool:
        """Whether too many commands wait in the write buffer."""
        return self._writer.transport.get_write_buffer_size() > _BUFFER_SIZE

    def send(self, command: str, answered: Answered = lambda _done, _lines: None) -> None:
        """Send one command; its outcome goes to `answered`, or nowhere if nothing depends on it."""
        self._pending.append(_Pending(command, answered, monotonic()))
        self.commands_sent += command.startswith(NEIGHBOR)
        self._on_send()
        if not self._writer.is_closing():
            self._writer.write(command.encode("ascii") + b"\n")

    async def ask(self, command: str) -> list[str]:
        """Send one command and return the lines of its answer.

        Raises RefusedError when ExaBGP answers with an error, ConnectionError when the connection ends first.
        """
        if self._ended:
            raise ConnectionError("the connection to ExaBGP ended")
        outcome: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        self._questions.add(outcome)
        outcome.add_done_callback(self._questions.discard)

        def answered(answer: Answer, lines: list[str]) -> None:
            if outcome.done():
                return
            if answer is Answer.DONE:
                outcome.set_result(lines)
            else:
                outcome.set_exception(RefusedError(command.partition(" ")[0]))

        self.send(command, answered)
        return await outcome

    async def handshake(self) -> Counters:
        """Let ExaBGP finish the commands of an earlier driver, and return what it had counted before this connection.

        Answers before that one belong to an earlier driver; events are always handled.
        """
        self._writer.write(b"reset\n")
        [answer] = await self.ask(COUNTERS)
        return api_lines.counters(answer).plus(events=-self._events_before_answer)

    async def run(self, turn: Callable[[], None]) -> None:
        """Read until the other end closes, and pass on events; call `turn` after each batch."""
        rest = b""
        try:
            while (data := await self._reader.read(_BUFFER_SIZE)) and not self._writer.is_closing():
                self.last_read = monotonic()
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._take(line.decode("ascii", "replace"))
                turn()
        finally:
            self._ended = True
            for outcome in self._questions:
                if not outcome.done():
                    outcome.set_exception(ConnectionError("the connection to ExaBGP ended"))

    def close(self) -> None:
        """Close the connection; pending commands get no answer."""
        self._writer.close()

    def _take(self, line: str) -> None:
        if line.startswith(api_lines.EVENT):
            self._on_event(line)
            self.events_received += 1
        elif self._unsynchronized and not line.startswith(api_lines.COUNTERS):
            return
        elif not self._pending:
            raise ConnectionError("ExaBGP sent an answer without a command")
        elif line in {Answer.DONE.value, Answer.REFUSED.value}:
            pending = self._pending.popleft()
            pending.answered(Answer(line), pending.lines)
        else:
            if self._unsynchronized:
                self._unsynchronized, self._events_before_answer = False, self.events_received
            self._pending[0].lines.append(line)


async def until(condition: Callable[[], bool], seconds: float, interval: float = 0.005) -> bool:
    """Wait at most `seconds` for a condition, checked every `interval` seconds; return whether it became true."""
    deadline = monotonic() + seconds
    while not condition():
        if monotonic() > deadline:
            return False
        await asyncio.sleep(interval)
    return True
