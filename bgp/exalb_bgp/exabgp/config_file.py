"""The configuration file of ExaBGP: validate it with ExaBGP, write it, read it."""

import asyncio
import errno
import sys
from collections.abc import Iterable

from exalb_bgp.exabgp import config_text
from exalb_bgp.exabgp.directory import write_private
from exalb_bgp.exabgp.options import environment
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.session import Session

VALIDATION_LIMIT = 30.0
"""Seconds in which the validation must answer; normally it takes 0.2."""


class SlowError(OSError):
    """The validation did not answer in time."""


def remedy(error: OSError) -> str:
    """Return what a person can do if a configuration could not be written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "free space on the volume of the engine's directory"
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return "allow this user to write to the engine's directory"
    if error.errno == errno.ENOENT:
        return "create the engine's directory again"
    return "none, unless the error persists"


def write(settings: EngineSettings, text: str) -> None:
    """Replace the configuration atomically; only this user may read it. Raises OSError."""
    fresh = settings.configuration.with_suffix(".new")
    write_private(str(fresh), text)
    fresh.replace(settings.configuration)


def current(settings: EngineSettings) -> str:
    """Return the current configuration, or an empty text. Raises OSError."""
    try:
        return settings.configuration.read_text("ascii", errors="replace")
    except FileNotFoundError:
        return ""


async def accepts(settings: EngineSettings, sessions: Iterable[Session], limit: float = VALIDATION_LIMIT) -> bool:
    """Ask ExaBGP, in a process of its own, whether it would take these sessions.

    If ExaBGP rejected one configuration while it runs, it would reject every later one. Raises OSError if it gives no
    answer within `limit` seconds.
    """
    path = settings.directory / "validate.conf"
    write_private(str(path), config_text.render(sessions, settings.helper))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "exalb_bgp.exabgp.server.validate",
        str(path),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment(settings) | {"exabgp_log_enable": "false"},
    )
    try:
        async with asyncio.timeout(limit):
            code = await process.wait()
    except TimeoutError as error:
        raise SlowError(f"the validation took longer than {limit:g} seconds") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        path.unlink(missing_ok=True)
    if code < 0:
        raise OSError(f"the validation was killed by signal {-code}")
    return code == 0
