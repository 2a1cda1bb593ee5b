"""ExaBGP's end of its API: events to the helper, commands from it, and the turns in which commands are executed."""

import json
from collections import deque
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from exabgp.reactor.api import API
from exabgp.reactor.api.processes import ProcessError, Processes
from exabgp.reactor.asynchronous import ASYNC

from exalb_bgp.exabgp.interface import COUNTERS, NEIGHBOR


class PatchedProcesses(Processes):  # type: ignore[misc]  # ExaBGP has no types
    """The processes that ExaBGP runs and talks to."""

    events_sent = 0
    """How many events were sent."""

    def write(self, process: str, string: str | None, neighbor: object = None) -> bool:
        """Write a line; return False, and drop the line, if the helper does not read any more.

        ExaBGP would end every peer permanently because of it, even if the next helper runs a moment later. A driver
        that connects through the next helper reads the counters, and reads all state if it missed an event.
        """
        self.events_sent += neighbor is not None and string is not None
        broken = len(self._broken)
        try:
            return bool(super().write(process, string, neighbor))
        except ProcessError:
            del self._broken[broken:]
            return False


class PatchedApi(API):  # type: ignore[misc]  # ExaBGP has no types
    """The commands that the helper sends."""

    def __init__(self, reactor: Any) -> None:  # noqa: ANN401 - ExaBGP has no types
        super().__init__(reactor)
        self._run = uuid4().hex
        self._commands_read = 0

    def process(self, reactor: Any, service: str, command: str) -> bool:  # noqa: ANN401 - ExaBGP has no types
        """Count and execute one command; answer the question for the counters, which ExaBGP does not know."""
        self._commands_read += command.startswith(NEIGHBOR)
        if command != COUNTERS:
            return bool(super().process(reactor, service, command))
        processes = reactor.processes
        counters = {"run": self._run, "events": processes.events_sent, "commands": self._commands_read}
        processes.write(service, json.dumps(counters))
        processes.answer_done(service)
        return True


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
