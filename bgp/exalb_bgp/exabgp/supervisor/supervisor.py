"""Supervises one ExaBGP: starts it, restarts it when it exits or hangs, stops it without withdrawing routes."""

import asyncio
import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections import deque
from time import monotonic

import structlog

from exalb_bgp.exabgp import config_file
from exalb_bgp.exabgp.options import environment
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.exabgp.supervisor import reaper
from exalb_bgp.exabgp.supervisor.watchdog import Watchdog, observe

_LOG = structlog.get_logger(__name__)
_STABLE_SECONDS = 60.0
"""A run of this length was stable: the next start follows immediately."""
_RESTART_DELAYS = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds between an exit and the next start, for each unstable run in a row."""
_CHECK_INTERVAL = 1.0
"""Seconds between two checks of whether ExaBGP works."""
_PR_SET_PDEATHSIG = 1
"""From the kernel's linux/prctl.h."""
_SESSIONS_KEPT = 64
"""Helper processes of this many ExaBGPs, the latest ones, are reaped."""
_STOP_SECONDS = 5.0
"""ExaBGP has this long to exit before it is killed."""


async def supervise(settings: EngineSettings) -> None:
    """Keep ExaBGP running until SIGTERM, SIGINT or cancellation; stop it without a NOTIFICATION.

    Peers with graceful restart (RFC 4724) then keep the routes for the restart time. Raises PermissionError if
    ExaBGP cannot run as this user, OSError if it has no configuration and none can be written.
    """
    _check_user()
    sessions: deque[int] = deque(maxlen=_SESSIONS_KEPT)
    loop, runs = asyncio.get_running_loop(), asyncio.ensure_future(_keep(settings, sessions))
    reaping = asyncio.create_task(reaper.reap(sessions))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, runs.cancel)
    try:
        await asyncio.wait([runs])
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        runs.cancel()
        reaping.cancel()
        await asyncio.wait([runs, reaping])
    if not runs.cancelled():
        runs.result()


async def _keep(settings: EngineSettings, sessions: deque[int]) -> None:
    watchdog = Watchdog()
    unstable = 0
    while True:
        config_file.create(settings)
        began = monotonic()
        watchdog.begin()
        code = await _run(settings, sessions, watchdog)
        lasted = monotonic() - began
        if lasted >= _STABLE_SECONDS and not watchdog.killed:
            unstable = 0
            watchdog.reset()
        else:
            unstable += 1
        delay = _RESTART_DELAYS[min(unstable, len(_RESTART_DELAYS)) - 1] if unstable else 0.0
        _LOG.warning("exabgp_exited", code=code, ran_s=round(lasted, 1), unstable_runs=unstable, restart_in_s=delay)
        await asyncio.sleep(delay)


def _check_user() -> None:
    if os.getuid() != 0 and os.getgid() == 0:
        raise PermissionError(
            "ExaBGP does not run as an ordinary user in group 0: set runAsGroup of the pod to another group"
        )


async def _run(settings: EngineSettings, sessions: deque[int], watchdog: Watchdog) -> int:
    """Run ExaBGP once, in a kernel session of its own, and return its exit code."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "exalb_bgp.exabgp.server",
        str(settings.configuration),
        stdin=asyncio.subprocess.DEVNULL,
        env=environment(settings),
        preexec_fn=_prepare,
    )
    sessions.append(process.pid)
    _LOG.info("exabgp_started", pid=process.pid)
    watch = asyncio.create_task(_watch(process, watchdog))
    try:
        return await process.wait()
    finally:
        watch.cancel()
        await _end(process)


def _prepare() -> None:
    """Let the kernel kill ExaBGP when its supervisor ends, even if it hangs: two would open the same sessions.

    ExaBGP dumps no core, since its memory holds the passwords of the sessions.
    """
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


async def _watch(process: asyncio.subprocess.Process, watchdog: Watchdog) -> None:
    """Kill an ExaBGP that runs but does not work; wait longer for the next one."""
    wait = None
    while wait is None:
        await asyncio.sleep(_CHECK_INTERVAL)
        wait = watchdog.check(observe(process.pid))
    checks = watchdog.limit(wait)
    watchdog.grow(wait)
    _LOG.error(
        "exabgp_killed",
        pid=process.pid,
        waited_for=wait.value,
        waited_s=checks * _CHECK_INTERVAL,
        next_limit_s=watchdog.limit(wait) * _CHECK_INTERVAL,
    )
    process.kill()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Stop ExaBGP, which closes its connections without a NOTIFICATION, and wait for it."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(asyncio.shield(process.wait()), _STOP_SECONDS)
    except TimeoutError:
        _LOG.warning("exabgp_killed", pid=process.pid, waited_for="ExaBGP to exit", waited_s=_STOP_SECONDS)
        process.kill()
        await process.wait()
