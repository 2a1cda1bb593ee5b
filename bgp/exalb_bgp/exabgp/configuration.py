"""Putting sessions in force: validate the configuration, write it, have it reloaded, see that it runs."""

import asyncio
import contextlib
import errno
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from exalb_bgp.exabgp import config
from exalb_bgp.exabgp.options import environment
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.session import Session

_PATIENCE = 30.0
"""Seconds in which `exabgp validate`, which takes a fifth of one, must answer."""


def remedy(error: OSError) -> str:
    """Say what a person can do where a configuration could not be put down."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "make room on the volume of the engine's directory"
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return "let this user write to the engine's directory"
    if error.errno == errno.ENOENT:
        return "make the engine's directory anew"
    return "none is needed where this does not last"


def write(settings: EngineSettings, text: str) -> None:
    """Replace the configuration at once and whole, readable to nobody else. Raises OSError."""
    _write(settings.configuration.with_suffix(".new"), text)
    settings.configuration.with_suffix(".new").replace(settings.configuration)


def current(settings: EngineSettings) -> str:
    """Return the configuration that is there, or nothing. Raises OSError."""
    try:
        return settings.configuration.read_text("ascii", errors="replace")
    except FileNotFoundError:
        return ""


def create(settings: EngineSettings) -> None:
    """Write a configuration without peers, unless there is one already. Raises OSError."""
    if settings.configuration.exists():
        return
    fresh = settings.configuration.with_suffix(".empty")
    _write(fresh, config.render((), settings.helper))
    with contextlib.suppress(FileExistsError):
        settings.configuration.hardlink_to(fresh)
    fresh.unlink()


def _write(path: Path, text: str) -> None:
    """Write a file; what a power cut tears is written anew by the next driver, so none waits for the disk here."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
    except OSError:
        path.unlink()
        raise


async def accepts(settings: EngineSettings, sessions: Iterable[Session], patience: float = _PATIENCE) -> bool:
    """Ask ExaBGP, in a process of its own, whether it would take these sessions.

    One configuration that it refuses while it runs would make it refuse every later one. Raises OSError where it gives
    no answer, which it has `patience` seconds for.
    """
    path = settings.directory / "validate.conf"
    _write(path, config.render(sessions, settings.helper))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "exabgp",
        "validate",
        str(path),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment(settings) | {"exabgp_log_enable": "false"},
    )
    try:
        async with asyncio.timeout(patience):
            code = await process.wait()
    except TimeoutError as error:
        raise OSError(f"`exabgp validate` took longer than {patience} seconds") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        path.unlink(missing_ok=True)
    if code < 0:
        raise OSError(f"`exabgp validate` was ended by signal {-code}")
    return code == 0
