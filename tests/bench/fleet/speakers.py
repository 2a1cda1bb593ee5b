"""The speakers of many nodes in one process: each is real, with a BGP engine in memory."""

import asyncio
from collections.abc import Sequence

from exalb.kube.client import ApiClient
from exalb.kube.credentials import Credentials
from exalb.programs.settings import SpeakerSettings
from exalb.programs.speaker import Speaker
from exalb_bgp.memory import MemoryDriver

LOOK_SECONDS = 0.1


def node_name(number: int) -> str:
    """Return the name of a node of the fleet."""
    return f"node-{number:03}"


class Member:
    """One speaker of the fleet."""

    def __init__(self, credentials: Credentials, name: str) -> None:
        self._credentials, self._name = credentials, name
        self._driver = MemoryDriver()
        self._task: asyncio.Task[None] | None = None

    @property
    def routes(self) -> int:
        """How many routes its router has."""
        return sum(map(len, self._driver.tables.values()))

    def start(self) -> None:
        """Start it as a new process: it knows nothing."""
        self._driver = MemoryDriver()
        self._task = asyncio.create_task(self._run())

    async def end(self) -> None:
        """End it, and raise what ended it before."""
        if self._task:
            self._task.cancel()
            [result] = await asyncio.gather(self._task, return_exceptions=True)
            if isinstance(result, Exception):
                raise result

    async def _run(self) -> None:
        settings = SpeakerSettings(node_name=self._name, data_plane="off")
        async with ApiClient(self._credentials) as api:
            await Speaker(api, self._driver, settings).run()


class Fleet:
    """The speakers of the nodes from 1 to `count`."""

    def __init__(self, credentials: Credentials, count: int) -> None:
        self.members = [Member(credentials, node_name(number)) for number in range(1, count + 1)]

    async def start(self, routes: int) -> None:
        """Start all at the same moment; return when each has so many routes."""
        for member in self.members:
            member.start()
        await wait_routes(self.members, routes)

    async def roll(self, count: int) -> None:
        """Replace the first `count` one after the other, each once the one before has its routes."""
        for member in self.members[:count]:
            routes = member.routes
            await member.end()
            member.start()
            await wait_routes([member], routes)

    async def end(self) -> None:
        """End all."""
        for member in self.members:
            await member.end()


async def wait_routes(members: Sequence[Member], routes: int, seconds: float = 900.0) -> None:
    """Wait until each has exactly so many routes; raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while any(member.routes != routes for member in members):  # noqa: ASYNC110 - a driver in memory says nothing
            await asyncio.sleep(LOOK_SECONDS)
