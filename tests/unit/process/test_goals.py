"""A process and its client over a unix socket: the goal goes one way, the status the other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exalb_process.goal_client import GoalClient
from exalb_process.goal_files import GoalFiles
from exalb_process.goal_server import GoalServer

TIMEOUT = 30.0


class Files(GoalFiles):
    """Those of a process that adds."""

    __slots__ = ()
    name = "adder"


class Adder:
    """The process: its goal is a number, and its status all of them so far, added."""

    def __init__(self, files: Files) -> None:
        self.sum = 0
        self.goals = GoalServer(files, (int, lambda goal: f"{goal}\n"), self.add, lambda: f"{self.sum}\n")

    def add(self, goal: int) -> None:
        """Take a goal."""
        self.sum += goal
        self.goals.changed()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve within the context."""
        self.goals.resume()
        server = await self.goals.listen()
        yield
        server.close()
        for writer in list(self.goals._clients):
            await asyncio.wait_for(writer.wait_closed(), TIMEOUT)


class Client(GoalClient[int]):
    """The client, with the sums that it was told."""

    def __init__(self, files: Files) -> None:
        super().__init__(files)
        self.sums: list[int] = []

    def line(self, goal: int) -> str:
        """Return a goal as a line."""
        return f"{goal}\n"

    def take(self, line: str) -> None:
        """Take a sum."""
        self.sums.append(int(line))

    async def told(self, sums: list[int]) -> None:
        """Wait until exactly these came."""
        async with asyncio.timeout(TIMEOUT):
            while self.sums != sums:
                await self.changed()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Client"]:
        """Follow the process within the context."""
        self.task = asyncio.create_task(self.run())
        try:
            yield self
        finally:
            self.task.cancel()
            with suppress(asyncio.CancelledError):
                await self.task


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return the files of one process."""
    return Files(tmp_path)


def test_process_that_ends_while_a_client_follows_it_logs_no_fault(files: Files) -> None:
    faults: list[dict[str, object]] = []

    async def work() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        server = await Adder(files).goals.listen()
        reader, writer = await asyncio.open_unix_connection(files.socket)
        await reader.readline()
        server.close()
        writer.close()

    asyncio.run(work())
    assert faults == []


async def test_goal_is_taken_once_and_answered_by_a_status(files: Files) -> None:
    adder = Adder(files)
    async with adder.running(), Client(files).running() as client:
        await client.told([0])
        assert client.connected
        client.apply(5)
        client.apply(5)
        await client.told([0, 5])
        client.apply(7)
        await client.told([0, 5, 12])
        assert files.goal.read_text() == "7\n"
        assert files.socket.stat().st_mode & 0o777 == 0o660


async def test_next_process_continues_with_the_goal_without_a_client(files: Files) -> None:
    files.goal.write_text("5\n")
    adder = Adder(files)
    async with adder.running():
        assert adder.sum == 5


async def test_goal_that_cannot_be_read_is_sent_again(files: Files) -> None:
    files.goal.write_text("five\n")
    adder, client = Adder(files), Client(files)
    client.apply(5)
    async with adder.running(), client.running():
        await client.told([0, 5])


async def test_client_that_says_nonsense_ends_no_other(files: Files) -> None:
    adder = Adder(files)
    async with adder.running(), Client(files).running() as client:
        await client.told([0])
        reader, writer = await asyncio.open_unix_connection(files.socket)
        with capture_logs() as logs:
            writer.write(b"five\n")
            assert await asyncio.wait_for(reader.read(), TIMEOUT) == b"0\n"
        assert [(line["event"], line["process"]) for line in logs] == [("goal_client_left", "adder")]
        writer.close()
        client.apply(5)
        await client.told([0, 0, 5])  # each client that comes makes the process say its status to all


async def test_client_follows_the_next_process_and_knows_that_there_is_none(files: Files) -> None:
    said: list[asyncio.StreamWriter] = []

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"one\n")  # a status that cannot be read
        said.append(writer)

    client = Client(files)
    client.apply(5)
    async with client.running():
        assert not client.connected
        async with await asyncio.start_unix_server(serve, files.socket):
            async with asyncio.timeout(TIMEOUT):
                while not said or client.connected:
                    await client.changed()
            for writer in said:
                writer.close()
                await asyncio.wait_for(writer.wait_closed(), TIMEOUT)
        async with Adder(files).running():
            await client.told([0, 5])
            client.task.cancel()


async def test_status_is_said_now_and_then(files: Files) -> None:
    adder = Adder(files)
    async with adder.running(), Client(files).running() as client:
        counting = asyncio.create_task(adder.goals.say_every(0.001))
        async with asyncio.timeout(TIMEOUT):
            while len(client.sums) < 3:
                await client.changed()
        counting.cancel()
