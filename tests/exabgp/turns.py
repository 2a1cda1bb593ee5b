"""`python -m tests.exabgp.turns FILE`: has the loop of ExaBGP take turns, and prints as JSON what each had executed.

It is a process of its own, because a loop of ExaBGP changes the umask, the directory and the signals of its process.
"""

import json
import os
import select
import sys
from collections.abc import Iterator
from typing import Any

from exabgp.environment import getenv
from exabgp.logger import log

from exalb_bgp.exabgp.server.reactor import PatchedReactor


class Helpers:
    """ExaBGP's helpers, one of which has written a command."""

    def __init__(self, descriptor: int) -> None:
        self.fds = [descriptor]

    def received(self) -> Iterator[tuple[str, str]]:
        """Yield the commands."""
        if text := os.read(self.fds[0], 64).decode():
            yield "agent", text


class Commands:
    """Executes in a turn what it is given, as ExaBGP's API does."""

    def __init__(self) -> None:
        self.executed: list[str] = []

    def process(self, reactor: PatchedReactor, service: str, command: str) -> None:
        """Schedule a command."""
        reactor.asynchronous.schedule(service, command, self._execute(command))

    def _execute(self, command: str) -> Iterator[bool]:
        self.executed.append(command)
        yield True


def main(configuration: str) -> None:
    """Take a turn without input, one for each of two commands, and one for a message of a peer."""
    log.init(getenv())
    reactor: Any = PatchedReactor(configuration)
    (readable, writable), (peer, other_end), commands = os.pipe2(os.O_NONBLOCK), os.pipe(), Commands()
    reactor.processes, reactor.api = Helpers(readable), commands
    for descriptor in (readable, peer):
        reactor._poller.register(descriptor, select.POLLIN)
    reactor.active_peers()
    turns = [[*commands.executed]]
    for end, text in ((writable, b"announce"), (writable, b"withdraw"), (other_end, b"a message of a peer")):
        os.write(end, text)
        reactor._poller.poll(60_000)
        reactor.active_peers()  # to read commands would fail in the last turn
        turns.append([*commands.executed])
    print(json.dumps(turns))


if __name__ == "__main__":
    main(sys.argv[1])
