"""The two processes of a node, as its pods have them: one supervises ExaBGP, the other drives it.

`python -m tests.support.engine.programs supervise|drive|speak DIRECTORY [LOG_LEVEL]`. The driver reads its goals from
standard input and writes its status to standard output, as pickled frames, so that a story can kill it as hard as a
node can. `speak` is a driver with the drain and the BFD of a speaker.
"""

import asyncio
import contextlib
import ctypes
import sys
from asyncio import StreamReader, StreamReaderProtocol
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog

from exalb_bgp.exabgp.driver.driver import ExaBGPDriver
from exalb_bgp.exabgp.launcher import become_supervisor
from exalb_bgp.exabgp.settings import EngineSettings
from tests.support.bgp.frames import LENGTH, Settle, Settled, load, write

PR_SET_CHILD_SUBREAPER = 36


async def drive(settings: EngineSettings) -> None:
    """Drive until standard input ends."""
    driver = ExaBGPDriver(settings)
    await serve(driver, lambda apply: driver.apply(apply.goal))


async def serve(
    driver: ExaBGPDriver, take: Callable[[Any], None], work: Coroutine[Any, Any, None] | None = None
) -> None:
    """Run a driver and `work`, and take each goal, until standard input ends."""
    reader = StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: StreamReaderProtocol(reader), sys.stdin)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(driver.run()), tasks.create_task(_report(driver))]
        if work:
            running.append(tasks.create_task(work))
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
                match load(await reader.readexactly(length)):
                    case Settle(number):
                        running.append(tasks.create_task(_settle(driver, number)))
                    case goal:
                        take(goal)
        for task in running:
            task.cancel()


async def _report(driver: ExaBGPDriver) -> None:
    while True:
        write(sys.stdout.buffer, driver.status())
        await driver.changed()


async def _settle(driver: ExaBGPDriver, number: int) -> None:
    await driver.settled()
    write(sys.stdout.buffer, Settled(number, driver.status()))


def main(program: str, directory: str, log_level: str = "WARNING") -> None:
    """Run one of them. The supervisor adopts orphans, as the first process of a container does."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    settings = EngineSettings(Path(directory), log_level=log_level)
    if program == "supervise":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
        become_supervisor(settings, form="console")
    if program == "speak":
        # Imported here: all the others start sooner without it.
        from tests.support.engine.speaking import speak  # noqa: PLC0415

        asyncio.run(speak(settings))
    else:
        asyncio.run(drive(settings))


if __name__ == "__main__":
    main(*sys.argv[1:])
