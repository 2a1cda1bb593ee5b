"""`python -m tests.hitless.probe HOST …`: counts requests and long connections until standard input ends.

Each host is asked `RATE` times a second on new connections, whatever becomes of them, and has `CONNECTIONS` long ones
that exchange a request each second. Prints `ready` once the long connections are open, and at the end one line of
JSON: for each host the requests, the times of those that were lost (UNIX time), how many of these failed before that,
how many had an open connection, and the long connections that broke.
"""

import asyncio
import contextlib
import json
import socket
import sys
import time

from tests.support.client import ask, bound_socket, exchange, was_open

RATE = 10.0
"""Requests a second; MetalLB's figures are from 200."""
SECONDS = 1.0
"""A request without an answer in this time is lost. A connection's first packet is repeated only after it."""
CONNECTIONS = 8
SILENT = 5.0
"""A long connection that says nothing for so many seconds is broken."""


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
            with bound_socket(self._host) as connection:
                try:
                    await ask(connection, (self._host, 80), SECONDS)
                except OSError as error:
                    is_open = was_open(connection, error)
                    raise
        except OSError as error:
            self.lost.append(since)
            self.failed += not isinstance(error, TimeoutError)
            self.open += is_open

    async def opened(self) -> asyncio.Task[None]:
        """Open a long connection, at the second try or later if need be; the task uses it until it breaks."""
        async with asyncio.timeout(10 * SILENT):
            while True:
                with contextlib.suppress(OSError), contextlib.ExitStack() as unless_connected:
                    connection = unless_connected.enter_context(bound_socket(self._host))
                    await ask(connection, (self._host, 80), SILENT)
                    unless_connected.pop_all()
                    return asyncio.create_task(self._use(connection))
                await self._pause(0.1)

    async def _use(self, connection: socket.socket) -> None:
        with connection:
            try:
                while not self._ended.is_set():
                    async with asyncio.timeout(SILENT):
                        await exchange(connection)
                    await self._pause(1.0)
            except OSError:
                self.broken += 1

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)


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
