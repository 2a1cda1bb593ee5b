"""Runs one of the long-lived programs until a signal stops it."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from exalb.kube.client import ApiClient
from exalb.kube.credentials import CredentialsError
from exalb.kube.server_version import unsupported
from exalb.programs.settings import Settings
from exalb.runtime.version import VERSION
from exalb_process.own_memory import close_memory

log = structlog.get_logger(__name__)


class CannotRunError(Exception):
    """The program cannot do its work here; the text says why and what to do."""


async def require_supported(api: ApiClient) -> None:
    """Raise CannotRunError where the API server says that it is too old."""
    if sentence := await unsupported(api):
        raise CannotRunError(sentence)


def serve(program: Callable[[Any], Coroutine[Any, Any, None] | None], settings: Settings) -> int:
    """Run `program` until SIGTERM or SIGINT; return the exit code: 0 after a signal, 1 where it cannot go on.

    A program that is no coroutine handles the signals itself.
    """
    close_memory()
    log.info("starting", version=VERSION, **settings.model_dump())
    try:
        running = program(settings)
        if running is not None:
            asyncio.run(_run_until_signal(running))
    except (CannotRunError, CredentialsError, OSError) as error:
        log.error("cannot_run", error=str(error))  # noqa: TRY400 - a sentence for people, no fault of ours
        return 1
    except Exception:  # the log must name the reason
        log.exception("crashed")
        return 1
    return 0


async def _run_until_signal(program: Coroutine[Any, Any, None]) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(program)
    signalled = False

    def end(name: str) -> None:
        nonlocal signalled
        signalled = True
        log.info("stopping", signal=name)
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number.name)
    try:
        await task
    except asyncio.CancelledError:
        if not signalled:
            raise
