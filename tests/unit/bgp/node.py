"""A node as an ordinary program sees it: a real ExaBGP under its supervisor, and drivers in the test's own process."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from ipaddress import IPv4Address
from pathlib import Path
from types import TracebackType
from typing import Self

from exalb_bgp.exabgp import wire
from exalb_bgp.exabgp.driver import ExaBGPDriver
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.session import Session, State
from tests.unit.bgp.listener import Listener

SUPERVISE = """
import asyncio, ctypes, sys
from pathlib import Path
from exalb_bgp.exabgp.process import supervise
from exalb_bgp.exabgp.settings import EngineSettings
ctypes.CDLL(None).prctl(36, 1)  # adopt orphans, as the first process of a container does
asyncio.run(supervise(EngineSettings(Path(sys.argv[1]), log_level=sys.argv[2])))
"""


class Node:
    """A supervisor with its ExaBGP in one process tree, and drivers in this one."""

    def __init__(self, directory: Path, log_level: str = "WARNING") -> None:
        directory.mkdir(mode=0o700, exist_ok=True)
        self.settings = EngineSettings(directory)
        self.supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISE, str(directory), log_level])

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
        running = (pid for pid in self.children() if b"exabgp.server" in Path(f"/proc/{pid}/cmdline").read_bytes())
        return next(running, 0)

    def busy(self) -> float:
        """Return how many seconds ExaBGP kept a processor busy so far."""
        user, system = Path(f"/proc/{self.exabgp()}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def children(self) -> list[int]:
        """List the children of the supervisor, also those that ended and were not let go of."""
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
        told: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(f"{command}\n".encode())
            lines = []
            while (line := (await reader.readline()).decode().strip()) not in {wire.DONE, wire.ERROR, ""}:
                lines.append(line)
            writer.close()
            told.set_result(lines)

        self.settings.socket.unlink(missing_ok=True)
        async with await asyncio.start_unix_server(serve, self.settings.socket), asyncio.timeout(20):
            return await told


def to(router: Listener, name: str = "tor") -> Session:
    return Session(name, router.address, 64512, 64513, IPv4Address("10.0.0.1"), peer_port=router.port)


async def until(driver: ExaBGPDriver, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await driver.changed()


async def settled(driver: ExaBGPDriver, name: str = "tor") -> None:
    await until(driver, lambda: driver.status().sessions[name].state is State.ESTABLISHED)
    async with asyncio.timeout(20):
        await driver.settled()
