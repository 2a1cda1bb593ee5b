"""The helper between ExaBGP and the driver: it always reads, passes whole lines, and reports each loss."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exalb_bgp.exabgp import relay

LINE = b"x" * 1023 + b"\n"


class Helper:
    """A relay as ExaBGP runs it; the test holds both ends."""

    def __init__(self, process: asyncio.subprocess.Process, path: Path) -> None:
        assert process.stdin
        assert process.stdout
        self.process, self.path = process, path
        self.engine_writes, self.engine_reads = process.stdin, process.stdout

    async def say(self, data: bytes) -> None:
        """Write as ExaBGP does, and wait until the relay took it."""
        self.engine_writes.write(data)
        async with asyncio.timeout(30):
            await self.engine_writes.drain()

    @contextlib.asynccontextmanager
    async def driver(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Listen as a driver does, and wait for the relay."""
        came: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
        came = asyncio.get_running_loop().create_future()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            came.set_result((reader, writer))

        self.path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(accept, self.path)
        async with asyncio.timeout(30):
            ends = await came
        server.close()
        try:
            yield ends
        finally:
            ends[1].close()


@pytest.fixture
async def helper(tmp_path: Path) -> AsyncIterator[Helper]:
    """Start a relay, and have it end with its ExaBGP."""
    path = tmp_path / "api.sock"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        relay.__file__,
        str(path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    helper = Helper(process, path)
    yield helper
    helper.engine_writes.close()
    async with asyncio.timeout(30):
        while await helper.engine_reads.read(1 << 20):
            pass
        assert await process.wait() == 0, "the relay ends when ExaBGP does"


async def test_lines_pass_both_ways(helper: Helper) -> None:
    async with helper.driver() as (reader, writer):
        await helper.say(b"event\n")
        assert await reader.readline() == b"event\n"
        writer.write(b"command\n")
        assert await helper.engine_reads.readline() == b"command\n"


async def test_exabgp_never_waits(helper: Helper) -> None:
    """First without a driver, and then with one that does not read and is disconnected."""
    for _ in range(64):
        await helper.say(LINE * 64)
    async with helper.driver() as (reader, _):
        for _ in range(2 * relay.TO_DRIVER // len(LINE) // 64):
            await helper.say(LINE * 64)
        async with asyncio.timeout(30):
            while await reader.read(1 << 20):
                pass
        assert reader.at_eof(), "the driver must learn that it missed something"
    async with helper.driver() as (reader, _):
        await helper.say(b"again\n")
        assert (await reader.readline()) in {b"again\n", LINE}


async def test_lines_pass_only_whole(helper: Helper) -> None:
    await helper.say(b"the beginning of a line, ")
    async with helper.driver() as (reader, writer):
        await helper.say(b"its end\nwhole\n")
        first = await reader.readline()
        if first == b"the beginning of a line, its end\n":  # nothing of it was read before the driver came
            first = await reader.readline()
        assert first == b"whole\n"
        writer.write(b"half a comm")
        await writer.drain()
    async with helper.driver() as (_, writer):
        writer.write(b"whole\n")
        assert await helper.engine_reads.readline() == b"whole\n"


async def test_lines_without_driver_do_not_reach_the_next(helper: Helper) -> None:
    async with helper.driver():
        pass
    await helper.say(b"old\n" * 100)
    async with helper.driver() as (reader, _):
        await helper.say(b"new\n")
        line = await reader.readline()
        while line == b"old\n":
            line = await reader.readline()
        assert line == b"new\n"


async def test_driver_that_writes_much_waits_for_exabgp(helper: Helper) -> None:
    many = [b"command %d\n" % number for number in range(40000)]
    async with helper.driver() as (_, writer):
        writer.write(b"".join(many))
        for line in many:
            assert await helper.engine_reads.readline() == line


async def test_relay_stays_small(helper: Helper) -> None:
    async with helper.driver():
        rollup = Path(f"/proc/{helper.process.pid}/smaps_rollup").read_text()
        private = sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Private_"))
        assert private < 8000, "kilobytes of its own"
