"""A node with an engine, and routers of our own that keep the time: all that is measured of exalb_bgp alone."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from exalb_bgp.exabgp.driver.driver import ExaBGPDriver
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.rib import Attributes, Prefix, Rib
from exalb_bgp.session import Session, SessionStatus, State
from exalb_bgp.speaker import Speaker
from tests.lab.layout import NODE_AS, ROUTER_AS
from tests.lab.network import Namespace, connect
from tests.support.bgp.receiver import Receiver
from tests.support.engine.supervised import Supervised

NODE, ROUTERS = IPv4Address("10.77.0.11"), [IPv4Address(f"10.77.0.{number}") for number in range(101, 105)]
FIRST = IPv4Address("10.100.0.0")


def routes(count: int) -> dict[Prefix, Attributes]:
    """Make a table of host routes with equal attributes, each an object of its own, as a node mostly has them."""
    return {IPv4Network(FIRST + number): Attributes() for number in range(count)}


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
        """Start an engine that knows its goal from the first moment: each router is to hold the table."""
        running = Running(self.node, routers, restart)
        running.announce(table)
        task = asyncio.create_task(running.driver.run())
        try:
            running.start()
            yield running
        finally:
            task.cancel()
            await asyncio.wait([task])
            running.stop_supervisor()


class Running(Supervised):
    """One engine: its driver in this process, ExaBGP and its supervisor in the node."""

    def __init__(self, node: Namespace, routers: tuple[IPv4Address, ...], restart: int | None) -> None:
        super().__init__(node, node.state / f"engine-{time.monotonic_ns()}")
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

    def announce(self, table: Rib) -> float:
        """Decide to announce this table to each router, and nothing else; return when, in UNIX time."""
        speaker = Speaker(self._sessions, dict.fromkeys(self._sessions, table))
        now = time.time()
        self.driver.apply(speaker)
        return now

    def start(self) -> None:
        """Start the supervisor, and so ExaBGP."""
        self.begun = time.time()
        self.start_supervisor()

    async def settled(self, seconds: float = 60) -> None:
        """Wait until every session is Established, and every router has every route."""
        async with asyncio.timeout(seconds):
            while not all(map(_is_complete, self.driver.status().sessions.values())):
                await self.driver.changed()
            await self.driver.settled()

    @property
    def pids(self) -> dict[str, int]:
        """The processes of the engine, by their part."""
        return {
            "supervisor": self.supervisor_pid,
            "exabgp": self.pid("exalb_bgp.exabgp.server"),
            "relay": self.pid("relay.py"),
        }


def _is_complete(status: SessionStatus) -> bool:
    return status.state is State.ESTABLISHED and status.sent == status.wanted
