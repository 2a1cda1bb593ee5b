"""ExaBGP's end of its API: events to the helper, commands from it, and the turns in which commands are executed."""

import json
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from uuid import uuid4

from exabgp.reactor.api import API
from exabgp.reactor.api.command.limit import extract_neighbors, match_neighbors
from exabgp.reactor.api.processes import ProcessError, Processes
from exabgp.reactor.asynchronous import ASYNC

from exalb_bgp.exabgp.interface import COUNTERS, NEIGHBOR
from exalb_bgp.exabgp.server.routes import Request, RouteReader

_FLUSHED_AT = 64 * 1024
"""Characters that wait for the end of a turn at most: as many as a pipe takes."""


class PatchedProcesses(Processes):  # type: ignore[misc]  # ExaBGP has no types
    """The processes that ExaBGP runs and talks to."""

    events_sent = 0
    """How many events were sent."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[str, list[str]] = {}
        self._waiting = 0

    def write(self, process: str, string: str | None, neighbor: object = None) -> bool:
        """Write a line, at the latest before ExaBGP sleeps or reads the next commands; return True.

        To write wakes the helper and then the driver, which would take processors from ExaBGP in the midst of its work.
        """
        if string is not None:
            self.events_sent += neighbor is not None
            self._lines.setdefault(process, []).append(string)
            self._waiting += len(string)
            if self._waiting > _FLUSHED_AT:
                self.flush()
        return True

    def flush(self) -> None:
        """Write all lines that wait, and drop them if the helper does not read any more.

        ExaBGP would end every peer permanently because of it, even if the next helper runs a moment later. A driver
        that connects through the next helper reads the counters, and reads all state if it missed an event.
        """
        lines, self._lines, self._waiting = self._lines, {}, 0
        for process, of_process in lines.items():
            broken = len(self._broken)
            try:
                if process in self._process:
                    super().write(process, "\n".join(of_process))
            except ProcessError:
                del self._broken[broken:]

    def received(self) -> Iterator[tuple[str, str]]:
        """Yield the commands that came, once the helper has what was written before."""
        self.flush()
        yield from super().received()

    def terminate(self) -> None:
        """End the helpers, which get what was written to them."""
        self.flush()
        super().terminate()

    def report_update(self, neighbor: Any, message: str) -> None:  # noqa: ANN401 - ExaBGP has no types
        """Write an event about a written UPDATE to each process that asked for it."""
        for process in self._notify(neighbor, "send-update"):
            encoder = self._encoder[process]
            content = encoder._neighbor(neighbor, "send", message)  # noqa: SLF001 - as its own events do
            self.write(process, encoder._header(content, "", "", neighbor, message_type="update"), neighbor)  # noqa: SLF001


class PatchedApi(API):  # type: ignore[misc]  # ExaBGP has no types
    """The commands that the helper sends."""

    def __init__(self, reactor: Any) -> None:  # noqa: ANN401 - ExaBGP has no types
        super().__init__(reactor)
        self._run = uuid4().hex
        self._commands_read = 0
        self._reader = RouteReader(self)

    def process(self, reactor: Any, service: str, command: str) -> bool:  # noqa: ANN401 - ExaBGP has no types
        """Count and execute one command; answer the question for the counters, which ExaBGP does not know."""
        self._commands_read += command.startswith(NEIGHBOR)
        if request := self._reader.read(command):
            reactor.asynchronous.schedule(service, command, self._execute(reactor, service, request))
            return True
        if command != COUNTERS:
            return bool(super().process(reactor, service, command))
        processes = reactor.processes
        counters = {"run": self._run, "events": processes.events_sent, "commands": self._commands_read}
        processes.write(service, json.dumps(counters))
        processes.answer_done(service)
        return True

    def _execute(self, reactor: Any, service: str, request: Request) -> Iterator[bool]:  # noqa: ANN401
        """Add the routes to the RIBs of the peers that the command names, in one step."""
        if peers := _named(request.words, tuple(reactor.peers(service))):
            reactor.configuration.inject_all(peers, request.routes)
            reactor.processes.answer_done(service)
        else:
            self.log_failure(f"no neighbor matching the command : {request.words}")
            reactor.processes.answer_error(service)
        yield True


@lru_cache(maxsize=256)
def _named(words: str, peers: tuple[str, ...]) -> frozenset[str]:
    """Return those of the peers that a command names; ExaBGP reads their names by expressions made for each command."""
    descriptions, _ = extract_neighbors(words)
    return frozenset(match_neighbors(peers, descriptions))


class PatchedAsync(ASYNC):  # type: ignore[misc]  # ExaBGP has no types
    """The commands in execution; each turn executes a part."""

    _async: deque[tuple[str, Iterator[object]]]

    def clear(self, deluid: str | None = None) -> None:
        """Finish commands that are queued when a new driver connects.

        ExaBGP would drop them, possibly half executed, and the counters would be wrong. When ExaBGP ends (`deluid` is
        None), all of them are dropped.
        """
        others = [entry for entry in self._async if deluid and entry[0] != deluid]
        self._async = deque(entry for entry in self._async if deluid and entry[0] == deluid)
        while self.run():
            pass
        self._async.extend(others)

    def run(self) -> bool:
        """Execute one turn without an event loop: ExaBGP creates one for each turn, and nothing here needs it."""
        turn = self._run_async()
        try:
            turn.send(None)
        except StopIteration as ended:
            return bool(ended.value)
        raise RuntimeError("a command waits for an event loop")
