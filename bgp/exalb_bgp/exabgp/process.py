"""Supervises one ExaBGP: starts it, starts it again when it dies, ends it without taking routes back."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections import deque
from pathlib import Path
from time import monotonic

import structlog

from exalb_bgp.exabgp import configuration, orphans
from exalb_bgp.exabgp.options import environment
from exalb_bgp.exabgp.settings import EngineSettings

_LOG = structlog.get_logger(__name__)
_STABLE = 60.0
"""Seconds after which a run counts as good, and the next start comes at once."""
_PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds between a death and the next start, for each quick death in a row."""
_LOOK = 1.0
"""Seconds between two looks at ExaBGP."""
_HELPERLESS = 5
"""Looks without a helper after which ExaBGP, which then talks to nobody, is started anew."""
_STILL = 15
"""Looks without a turn after which an ExaBGP that hangs is started anew, long before routers miss its KEEPALIVEs."""
_PR_SET_PDEATHSIG = 1
"""From the kernel's linux/prctl.h."""
_REMEMBERED = 64
"""Of so many ExaBGPs, the last ones, what they left behind is looked for."""
_STOP = 5.0
"""Seconds that ExaBGP has to end before it is killed."""


async def supervise(settings: EngineSettings) -> None:
    """Keep ExaBGP running until SIGTERM, SIGINT or cancellation; end it so that its routes stay where that is agreed.

    Graceful restart (RFC 4724) then keeps the routes in force. Raises PermissionError where ExaBGP could not run as
    this user, OSError where it has no configuration and none can be written.
    """
    _check_user()
    sessions: deque[int] = deque(maxlen=_REMEMBERED)
    loop, runs = asyncio.get_running_loop(), asyncio.ensure_future(_keep(settings, sessions))
    reaper = asyncio.create_task(orphans.reap(sessions))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, runs.cancel)
    try:
        await asyncio.wait([runs])
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        runs.cancel()
        reaper.cancel()
        await asyncio.wait([runs, reaper])
    if not runs.cancelled():
        runs.result()


async def _keep(settings: EngineSettings, sessions: deque[int]) -> None:
    deaths = 0
    while True:
        configuration.create(settings)
        began = monotonic()
        code = await _run(settings, sessions)
        lasted = monotonic() - began
        deaths = 0 if lasted >= _STABLE else deaths + 1
        pause = _PAUSES[min(deaths, len(_PAUSES)) - 1] if deaths else 0.0
        _LOG.warning("exabgp_died", code=code, lasted_s=round(lasted, 1), deaths_in_a_row=deaths, restart_in_s=pause)
        await asyncio.sleep(pause)


def _check_user() -> None:
    if os.getuid() != 0 and os.getgid() == 0:
        raise PermissionError(
            "ExaBGP does not run as an ordinary user in group 0; give the process a group of its own (runAsGroup)"
        )


async def _run(settings: EngineSettings, sessions: deque[int]) -> int:
    """Run ExaBGP once, in a kernel session of its own, and return its exit code."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "exalb_bgp.exabgp.server",
        str(settings.configuration),
        stdin=asyncio.subprocess.DEVNULL,
        env=environment(settings),
        preexec_fn=_die_with_parent,
    )
    sessions.append(process.pid)
    _LOG.info("exabgp_started", pid=process.pid)
    watch = asyncio.create_task(_watch(process))
    try:
        return await process.wait()
    finally:
        watch.cancel()
        await _end(process)


def _die_with_parent() -> None:
    """Have the kernel end ExaBGP with its supervisor, also if it hangs: two of them would claim the same sessions."""
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


async def _watch(process: asyncio.subprocess.Process) -> None:
    """Kill an ExaBGP that lives on without doing its work: it has no helper and drops its peers, or it hangs.

    Looks are counted rather than seconds, so that a machine that was asleep does not count as an ExaBGP that was.
    """
    helperless = still = 0
    turns: int | None = None
    while max(helperless / _HELPERLESS, still / _STILL) < 1:
        await asyncio.sleep(_LOOK)
        helperless = 0 if _has_children(process.pid) else helperless + 1
        before, turns = turns, _turns(process.pid)
        still = still + 1 if turns is not None and turns == before else 0
    _LOG.error("exabgp_does_not_work", pid=process.pid, looks_without_helper=helperless, looks_without_turn=still)
    process.kill()


def _has_children(pid: int) -> bool:
    """Tell whether a process has living children; one that is gone, or a kernel that does not tell, counts as yes."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return True
    return any(map(_lives, children))


def _lives(pid: str) -> bool:
    """Tell whether a process runs; an ended one is listed until its parent asks for it, which a stuck one does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _turns(pid: int) -> int | None:
    """Count how often a process gave up the processor, which ExaBGP does at every turn; None where it waits for one."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    told = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    if told["State"].startswith("R"):
        return None
    return int(told["voluntary_ctxt_switches"]) + int(told["nonvoluntary_ctxt_switches"])


async def _end(process: asyncio.subprocess.Process) -> None:
    """End ExaBGP, which closes its connections without a NOTIFICATION, and wait for it."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(asyncio.shield(process.wait()), _STOP)
    except TimeoutError:
        _LOG.warning("exabgp_killed", pid=process.pid, after_s=_STOP)
        process.kill()
        await process.wait()
