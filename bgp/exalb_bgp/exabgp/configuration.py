"""Putting sessions in force: validate the configuration, write it, have it reloaded, see that it runs."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from exalb_bgp.exabgp import config
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.session import Session


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
    settings.options.touch(0o600)
    if settings.configuration.exists():
        return
    fresh = settings.configuration.with_suffix(".empty")
    _write(fresh, config.render((), settings.helper))
    with contextlib.suppress(FileExistsError):
        settings.configuration.hardlink_to(fresh)
    fresh.unlink()


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink()
        raise


async def accepts(settings: EngineSettings, sessions: Iterable[Session]) -> bool:
    """Ask ExaBGP, in a process of its own, whether it would take these sessions.

    One configuration that it refuses while it runs would make it refuse every later one.
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
        env=os.environ | {"exabgp_log_enable": "false", "exabgp_api_cli": "false"},
    )
    try:
        if (code := await process.wait()) < 0:
            raise OSError(f"`exabgp validate` was ended by signal {-code}")
        return code == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        path.unlink(missing_ok=True)
