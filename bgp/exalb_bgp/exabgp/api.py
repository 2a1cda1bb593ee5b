"""ExaBGP's end of its API: what is told to the helper, what comes from it, and the turns in which that is done."""

import time
from collections import deque
from collections.abc import Iterator

from exabgp.reactor.api import API
from exabgp.reactor.api.processes import ProcessError, Processes
from exabgp.reactor.asynchronous import ASYNC

from exalb_bgp.exabgp.settings import NEIGHBOR


class Helpers(Processes):  # type: ignore[misc]  # ExaBGP has no types
    """The processes that ExaBGP runs and talks to."""

    told = time.time_ns()
    """How many events were told, counted on from the moment of the start: no other run of ExaBGP has this number."""

    def write(self, process: str, string: str | None, neighbor: object = None) -> bool:
        """Write a line; return False, and lose it, where nobody reads any more.

        ExaBGP would give up every peer for good because of it, also when the helper's successor runs a moment later.
        Who speaks with that one asks how many events were told, and for everything where some were missed.
        """
        self.told += neighbor is not None and string is not None
        broken = len(self._broken)
        try:
            return bool(super().write(process, string, neighbor))
        except ProcessError:
            del self._broken[broken:]
            return False


class Commands(API):  # type: ignore[misc]  # ExaBGP has no types
    """The commands that come in."""

    taken = 0
    """How many came that are about neighbors."""

    def process(self, reactor: object, service: str, command: str) -> bool:
        """Take one."""
        self.taken += command.startswith(NEIGHBOR)
        return bool(super().process(reactor, service, command))


class Turns(ASYNC):  # type: ignore[misc]  # ExaBGP has no types
    """The commands under way, of which each turn does a part."""

    _async: deque[tuple[str, Iterator[object]]]

    def clear(self, deluid: str | None = None) -> None:
        """Do all that was asked before a driver began; ExaBGP would drop it, halfway through a command maybe.

        So what was taken is what was done. All that was under way goes when ExaBGP ends (`deluid` is None).
        """
        others = [one for one in self._async if deluid and one[0] != deluid]
        self._async = deque(one for one in self._async if deluid and one[0] == deluid)
        while self.run():
            pass
        self._async.extend(others)

    def run(self) -> bool:
        """Go on for a turn; ExaBGP makes an event loop for each, and nothing that it does here waits for one."""
        turn = self._run_async()
        try:
            turn.send(None)
        except StopIteration as ended:
            return bool(ended.value)
        raise RuntimeError("a command waits for an event loop")
