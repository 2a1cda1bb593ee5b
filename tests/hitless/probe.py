"""`python -m tests.hitless.probe HOST …`: counts requests and long connections until standard input ends.

Each host is asked `RATE` times a second on new connections, whatever becomes of them, and has `CONNECTIONS` long ones
that exchange a request each second. Prints `ready` once the long connections are open, and at the end one line of
JSON: for each host the requests, the times of those that were lost (UNIX time), how many of these failed before that,
how many had an open connection, and the long connections that broke.
"""

import asyncio
import contextlib
import json
import sys
import time

RATE = 10.0
"""Requests a second; MetalLB's figures are from 200."""
SECONDS = 1.0
"""A request without an answer in this time is lost. A connection's first packet is repeated only after it."""
CONNECTIONS = 8
SILENT = 5.0
"""A long connection that says nothing for so many seconds is broken."""
REQUEST = b"GET / HTTP/1.1\r\nHost: probe\r\n\r\n"
"""This end closes each connection, so that no pod is in TIME-WAIT (`tests/stories/asking.py` says why)."""


class Probe:
    """One host under observation."""

    def __init__(self, host: str, ended: asyncio.Event) -> None:
        self._host, self._ended = host, ended
        self.asked, self.failed, self.open, self.broken = 0, 0, 0, 0
        self.lost: list[float] = []

    async def ask_all(self) -> None:
        """Ask at the rate until the end; wait for the last answers."""
        loop = asyncio.get_running_loop()
        begun, tasks = loop.time(), set[asyncio.Task[None]]()
        while not self._ended.is_set():
            self.asked += 1
            tasks = {task for task in tasks if not task.done()} | {asyncio.create_task(self._ask())}
            await self._pause(max(0.0, begun + self.asked / RATE - loop.time()))
        await asyncio.gather(*tasks)

    async def _ask(self) -> None:
        since, is_open = time.time(), False
        try:
            async with asyncio.timeout(SECONDS):
                reader, writer = await asyncio.open_connection(self._host, 80)
                is_open = True
                with contextlib.closing(writer):
                    await _exchange(reader, writer)
        except (OSError, EOFError) as error:
            self.lost.append(since)
            self.failed += not isinstance(error, TimeoutError)
            self.open += is_open

    async def opened(self) -> asyncio.Task[None]:
        """Open a long connection, at the second try or later if need be; the task uses it until it breaks."""
        async with asyncio.timeout(10 * SILENT):
            while True:
                with contextlib.suppress(OSError):
                    async with asyncio.timeout(SILENT):
                        reader, writer = await asyncio.open_connection(self._host, 80)
                    return asyncio.create_task(self._use(reader, writer))

    async def _use(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not self._ended.is_set():
                async with asyncio.timeout(SILENT):
                    await _exchange(reader, writer)
                await self._pause(1.0)
        except (OSError, EOFError, TimeoutError):
            self.broken += 1
        finally:
            writer.close()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    await reader.readexactly(length)


async def main(hosts: list[str]) -> None:
    """Probe the hosts, and print the results."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, ended.set)
    probes = {host: Probe(host, ended) for host in hosts}
    held = [await probe.opened() for probe in probes.values() for _ in range(CONNECTIONS)]
    print("ready", flush=True)
    await asyncio.gather(*held, *(probe.ask_all() for probe in probes.values()))
    found = {
        host: {
            "asked": probe.asked,
            "lost": sorted(probe.lost),
            "failed": probe.failed,
            "open": probe.open,
            "connections": CONNECTIONS,
            "broken": probe.broken,
        }
        for host, probe in probes.items()
    }
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
