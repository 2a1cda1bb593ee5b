"""A node with an engine, and routers of our own that keep the time: all that is measured of exalb_bgp alone."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

from exalb_bgp.exabgp.driver import ExaBGPDriver
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.rib import Attributes, Prefix, Rib
from exalb_bgp.session import Session, SessionStatus, State
from exalb_bgp.speaker import Speaker
from tests.bench.receiver import Receiver
from tests.lab import reaper, sweep
from tests.lab.images import CHECKOUT
from tests.lab.layout import NODE_AS, ROUTER_AS, Layout
from tests.lab.network import Namespace, connect
from tests.lab.wait import until

NODE, ROUTERS = IPv4Address("10.77.0.11"), [IPv4Address(f"10.77.0.{number}") for number in range(101, 105)]
FIRST = IPv4Address("10.100.0.0")


def routes(count: int) -> dict[Prefix, Attributes]:
    """Make a table of host routes with equal attributes, each an object of its own, as a node mostly has them."""
    return {IPv4Network(FIRST + number): Attributes() for number in range(count)}


@contextlib.contextmanager
def alone(name: str) -> Iterator["Network"]:
    """Lay a cable between a node and a place for routers, in a lab that goes however the run ends."""
    layout = Layout(name)
    with sweep.alone(layout):
        sweep.clear(layout)
        (layout.state / "logs").mkdir(parents=True)
        reaper.start(layout, os.getpid())
    try:
        yield Network(name)
    finally:
        reaper.release(layout)
        with sweep.alone(layout):
            sweep.clear(layout)


class Network:
    """The node and the routers' namespace, and what runs in them for one measure."""

    def __init__(self, name: str) -> None:
        self.node, self.router = Namespace.create(name, "node"), Namespace.create(name, "router", forwarding=True)
        connect(self.node, "eth0", self.router, "eth0")
        self.node.address("eth0", IPv4Interface(f"{NODE}/24"))
        self.router.address("eth0", *(IPv4Interface(f"{address}/24") for address in ROUTERS))

    @contextlib.contextmanager
    def receivers(self, count: int) -> Iterator[list[Receiver]]:
        """Run routers that keep the time."""
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(Receiver(self.router, address, ROUTER_AS)) for address in ROUTERS[:count]]

    @contextlib.asynccontextmanager
    async def engine(self, table: Rib, *routers: IPv4Address, restart: int | None = 120) -> AsyncIterator["Running"]:
        """Start an engine that knows its goal from the first moment: each router shall hold the table."""
        running = Running(self.node, routers, restart)
        running.tell(table)
        task = asyncio.create_task(running.driver.run())
        try:
            running.start()
            yield running
        finally:
            task.cancel()
            await asyncio.wait([task])
            running.stop()


class Running:
    """One engine: its driver in this process, ExaBGP and its supervisor in the node."""

    def __init__(self, node: Namespace, routers: tuple[IPv4Address, ...], restart: int | None) -> None:
        self.node = node
        self.directory = node.state / f"engine-{time.monotonic_ns()}"
        self.directory.mkdir(mode=0o700, parents=True)
        self.driver = ExaBGPDriver(EngineSettings(self.directory))
        self.begun = 0.0
        """When the supervisor was started, in UNIX time."""
        self._sessions = {
            str(address): Session(
                str(address), address, NODE_AS, ROUTER_AS, NODE, local_address=NODE, graceful_restart=restart
            )
            for address in routers
        }
        self._supervisor: subprocess.Popen[Any] | None = None

    def tell(self, table: Rib) -> float:
        """Decide that each router shall hold this table; return when, in UNIX time."""
        speaker = Speaker(self._sessions, dict.fromkeys(self._sessions, table))
        now = time.time()
        self.driver.apply(speaker)
        return now

    def start(self) -> None:
        """Start the supervisor, and so ExaBGP."""
        argv = [sys.executable, "-m", "tests.router.programs", "supervise", str(self.directory)]
        log = self.directory / "supervise.log"
        self.begun = time.time()
        with log.open("w") as output:
            self._supervisor = self.node.popen(argv, cwd=CHECKOUT, stdout=output, stderr=output)

    def stop(self) -> None:
        """End it, and ExaBGP with it."""
        if self._supervisor:
            self._supervisor.terminate()
            self._supervisor.wait(timeout=20)

    async def settled(self, seconds: float = 60) -> None:
        """Wait until every session is Established, and every router was told all."""
        async with asyncio.timeout(seconds):
            while not all(map(_told, self.driver.status().sessions.values())):
                await self.driver.changed()
            await self.driver.settled()

    @property
    def pids(self) -> dict[str, int]:
        """The processes of the engine, by their part."""
        assert self._supervisor
        return {
            "supervisor": self._supervisor.pid,
            "exabgp": self.pid("exalb_bgp.exabgp.server"),
            "relay": self.pid("relay.py"),
        }

    def pid(self, word: str) -> int:
        """Find the process of the node with this word, or a file of this name, in its command line; no child of it."""
        return until(f"{word} runs", lambda: next(iter(self._find(word)), 0), seconds=10, every=0.002)

    def _find(self, word: str) -> list[int]:
        found: dict[int, int] = {}
        for pid in self.node.pids():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
                if any(Path(one).name == word for one in words):
                    found[pid] = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        return [pid for pid, parent in found.items() if parent not in found]


def _told(status: SessionStatus) -> bool:
    return status.state is State.ESTABLISHED and status.sent == status.wanted
