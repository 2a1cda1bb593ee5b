"""`python -m tests.stories.asking HOST --count N | --rate R`: requests a page of a web server again and again.

With `--count`, twenty at a time until N were asked; with `--rate`, R a second whatever becomes of them, until standard
input ends. Prints `asked` when the first answer is there, or is given up, and at the end one line of JSON: what was
answered how often, what failed from when to when (UNIX time), and the seconds that the slowest answer took.

This end closes the connections, so that TIME-WAIT is here and not in the pods. A pod in TIME-WAIT refuses a connection
from a port that the source NAT of its node chose again, if the timestamps are older (RFC 7323 §5.3). Its ACK makes the
client send an RST, which ends TIME-WAIT; but from a client on the router itself, the kernel sends that RST by any
of the equal paths. Then the new connection hangs, although no route has changed.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import sys
import time
from collections import Counter

SECONDS = 10.0
"""A slower answer counts as a failure. The timeout is long, because a busy machine may be slow."""
AT_A_TIME = 20


class Asker:
    """Sends requests, and counts the answers."""

    def __init__(self, host: str, port: int) -> None:
        self._where = host, port
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._begun = asyncio.get_running_loop().time()
        self.answers: Counter[str] = Counter()
        self.failures: list[tuple[float, float, str]] = []
        self.slowest = 0.0

    async def ask(self) -> None:
        """Send one request, on a new connection."""
        loop = asyncio.get_running_loop()
        asked, since = loop.time(), time.time()
        with socket.socket(self._family) as connection:
            connection.setblocking(False)
            try:
                async with asyncio.timeout(SECONDS):
                    body = await self._exchange(connection)
            except (OSError, TimeoutError) as error:
                port = connection.getsockname()[1]
                self.failures.append((since, time.time(), f"{type(error).__name__} {error} (from port {port})"))
            else:
                self.answers[body.decode().strip()] += 1
                self.slowest = max(self.slowest, loop.time() - asked)
        if sum(self.answers.values()) + len(self.failures) == 1:
            print("asked", flush=True)

    async def _exchange(self, connection: socket.socket) -> bytes:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, self._where)
        await loop.sock_sendall(connection, b"GET / HTTP/1.1\r\nHost: asking\r\n\r\n")
        received = b""
        while (body := _body(received)) is None:
            data = await loop.sock_recv(connection, 4096)
            if not data:
                raise ConnectionError(f"closed after {len(received)} bytes")
            received += data
        return body

    async def count(self, number: int) -> None:
        """Send this number of requests."""
        left = iter(range(number))

        async def some() -> None:
            for _ in left:
                await self.ask()

        await asyncio.gather(*(some() for _ in range(AT_A_TIME)))

    async def at_rate(self, rate: float) -> None:
        """Send this number of requests per second until standard input ends; wait for the last answers."""
        loop, ended, tasks = asyncio.get_running_loop(), asyncio.Event(), set[asyncio.Task[None]]()
        loop.add_reader(sys.stdin, ended.set)
        number = 0
        while not ended.is_set():
            number += 1
            tasks = {task for task in tasks if not task.done()} | {asyncio.create_task(self.ask())}
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), max(0.0, self._begun + number / rate - loop.time()))
        await asyncio.gather(*tasks)


def _body(received: bytes) -> bytes | None:
    """Return the body of an answer that is complete."""
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return None
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise ConnectionError(f"answered {head[:40]!r}")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return body if len(body) >= length else None


async def run(options: argparse.Namespace) -> None:
    """Send the requests, and print the results."""
    asker = Asker(options.host, options.port)
    await (asker.count(options.count) if options.count else asker.at_rate(options.rate))
    report = {"answers": asker.answers, "failures": asker.failures, "slowest": round(asker.slowest, 3)}
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("--count", type=int)
    parser.add_argument("--rate", type=float)
    asyncio.run(run(parser.parse_args()))
