"""Runs one of the long-lived programs until a signal ends it."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from exalb.credentials import CredentialsError
from exalb.settings import Settings
from exalb.version import VERSION

log = structlog.get_logger(__name__)


def serve(program: Callable[[Any], Coroutine[Any, Any, None]], settings: Settings) -> int:
    """Run `program` until SIGTERM or SIGINT; return the exit code: 0 when told to end, 1 when it could not go on."""
    log.info("starting", version=VERSION, **settings.model_dump())
    try:
        asyncio.run(_until_told(program(settings)))
    except (CredentialsError, OSError) as error:
        log.error("cannot run", why=str(error))  # noqa: TRY400 - a sentence for people, no fault of ours
        return 1
    except Exception:  # the last that a log says of a process
        log.exception("ended by a fault")
        return 1
    return 0


async def _until_told(program: Coroutine[Any, Any, None]) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(program)
    told = False

    def end(name: str) -> None:
        nonlocal told
        told = True
        log.info("ending", signal=name)
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number.name)
    try:
        await task
    except asyncio.CancelledError:
        if not told:
            raise
