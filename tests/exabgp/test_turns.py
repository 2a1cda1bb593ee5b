"""The turns of ExaBGP's loop: what a command changes is sent in the turn that reads it."""

import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
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


@pytest.fixture
def reactor(tmp_path: Path) -> Iterator[Any]:
    """Return a loop without peers, which handles no signal of this process."""
    log.init(getenv())
    handlers = {
        number: signal.getsignal(number) for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    }
    reactor = PatchedReactor(str(tmp_path / "exabgp.conf"))
    yield reactor
    for end in (signal.set_wakeup_fd(-1), reactor._poller._signals):
        os.close(end)
    for number, handler in handlers.items():
        if handler is not None:
            signal.signal(number, handler)


def test_commands_are_executed_before_peers_have_their_turn(reactor: Any) -> None:
    (readable, writable), commands = os.pipe2(os.O_NONBLOCK), Commands()
    reactor.processes, reactor.api = Helpers(readable), commands
    reactor._poller.register(readable, select.POLLIN)
    reactor.active_peers()
    assert commands.executed == []
    os.write(writable, b"announce")
    assert reactor._poller.poll(60_000) == [(readable, select.POLLIN)]
    reactor.active_peers()
    assert commands.executed == ["announce"]
    os.write(writable, b"withdraw")
    reactor._poller.poll(0)
    reactor.active_peers()
    assert commands.executed == ["announce", "withdraw"]
    for end in (readable, writable):
        os.close(end)


def test_peers_have_their_turn_where_no_command_came(reactor: Any) -> None:
    (readable, writable), commands = os.pipe2(os.O_NONBLOCK), Commands()
    reactor.processes, reactor.api = Helpers(writable), commands
    reactor._poller.register(readable, select.POLLIN)
    os.write(writable, b"a message of a peer")
    reactor._poller.poll(60_000)
    reactor.active_peers()  # to read commands would fail
    assert commands.executed == []
    for end in (readable, writable):
        os.close(end)
