"""`python -m tests.stories.asking HOST --count N | --rate R`: requests a page of a web server again and again.

With `--count`, twenty at a time until N were asked; with `--rate`, R a second whatever becomes of them, until standard
input ends. Prints `asked` when the first answer is there, or is given up, and at the end one line of JSON: what was
answered how often, what failed from when to when (UNIX time), and the seconds that the slowest answer took.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections import Counter

from tests.support.client import ask, bound_socket

SECONDS = 10.0
"""A slower answer counts as a failure. The timeout is long, because a busy machine may be slow."""
AT_A_TIME = 20


class Asker:
    """Sends requests, and counts the answers."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._begun = asyncio.get_running_loop().time()
        self.answers: Counter[str] = Counter()
        self.failures: list[tuple[float, float, str]] = []
        self.slowest = 0.0

    async def ask(self) -> None:
        """Send one request, on a new connection."""
        loop = asyncio.get_running_loop()
        asked, since = loop.time(), time.time()
        port = 0
        try:
            with bound_socket(self._host) as connection:
                port = connection.getsockname()[1]
                answer = await ask(connection, (self._host, 80), SECONDS)
        except OSError as error:
            self.failures.append((since, time.time(), f"{type(error).__name__} {error} (from port {port})"))
        else:
            self.answers[answer] += 1
            self.slowest = max(self.slowest, loop.time() - asked)
        if sum(self.answers.values()) + len(self.failures) == 1:
            print("asked", flush=True)

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


async def run(options: argparse.Namespace) -> None:
    """Send the requests, and print the results."""
    asker = Asker(options.host)
    await (asker.count(options.count) if options.count else asker.at_rate(options.rate))
    report = {"answers": asker.answers, "failures": asker.failures, "slowest": round(asker.slowest, 3)}
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("--count", type=int)
    parser.add_argument("--rate", type=float)
    asyncio.run(run(parser.parse_args()))
