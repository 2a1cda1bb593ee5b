"""A node as an ordinary program sees it: a real ExaBGP under its supervisor, and drivers in the test's own process."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from types import TracebackType
from typing import Self

from exalb_bgp.exabgp.driver.driver import ExaBGPDriver
from exalb_bgp.exabgp.driver.resumption import Answer
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.session import Session, State
from tests.support.bgp.listener import Listener
from tests.support.processes import running
from tests.support.tree import ROOT

DEADLINE = 60
"""Seconds in which a condition must come true: many times more than a quiet machine needs."""


class Node:
    """A supervisor with its ExaBGP in one process tree, and drivers in this one."""

    def __init__(
        self,
        directory: Path,
        log_level: str = "WARNING",
        *,
        inside: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it; `inside` is a command that executes another one elsewhere, as nsenter does."""
        directory.mkdir(mode=0o700, exist_ok=True)
        self.settings = EngineSettings(directory)
        program = ["-m", "tests.support.engine.programs", "supervise", str(directory), log_level]
        command = [*inside, sys.executable, *program]
        self.supervisor = subprocess.Popen(command, cwd=ROOT, env=os.environ | (environment or {}))

    def __enter__(self) -> Self:
        """Start an engine without peers."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.supervisor.terminate()
        assert self.supervisor.wait(timeout=20) == 0

    def exabgp(self) -> int:
        """Return the process id of ExaBGP; 0 while it is not there."""
        return next(iter(running("exabgp.server", self.children())), 0)

    def busy(self) -> float:
        """Return the processor time of ExaBGP so far, in seconds."""
        user, system = Path(f"/proc/{self.exabgp()}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def children(self) -> list[int]:
        """List the children of the supervisor, also those that ended and were not reaped."""
        tasks = Path(f"/proc/{self.supervisor.pid}/task").glob("*/children")
        return [int(pid) for children in tasks for pid in children.read_text().split()]

    @contextlib.asynccontextmanager
    async def driver(self) -> AsyncIterator[ExaBGPDriver]:
        """Run one driver."""
        driver = ExaBGPDriver(self.settings)
        running = asyncio.create_task(driver.run())
        try:
            yield driver
        finally:
            running.cancel()
            await asyncio.wait([running])

    async def ask(self, command: str) -> list[str]:
        """Ask ExaBGP itself, while no driver runs, and return the lines of its answer."""
        answer: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(f"{command}\n".encode())
            lines: list[str] = []
            while line := (await reader.readline()).decode():  # an answer has empty lines, too
                if line.strip() in {Answer.DONE.value, Answer.REFUSED.value}:
                    break
                lines.append(line.strip())
            writer.close()
            answer.set_result(lines)

        self.settings.socket.unlink(missing_ok=True)
        async with await asyncio.start_unix_server(serve, self.settings.socket), asyncio.timeout(DEADLINE):
            return await answer


def to(router: Listener, name: str = "tor") -> Session:
    return Session(name, router.address, 64512, 64513, IPv4Address("10.0.0.1"), peer_port=router.port)


async def until(driver: ExaBGPDriver, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await driver.changed()


async def settled(driver: ExaBGPDriver, name: str = "tor") -> None:
    await until(driver, lambda: driver.status().sessions[name].state is State.ESTABLISHED)
    async with asyncio.timeout(DEADLINE):
        await driver.settled()
