"""Reaps helper processes that an ended ExaBGP left; they become children of the container's first process."""

import asyncio
import contextlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

_POLL_INTERVAL = 1.0
"""Seconds."""


async def reap(sessions: Collection[int]) -> None:
    """Until cancelled, wait for ended children of these kernel sessions that this process did not start itself."""
    while True:
        _reap(sessions)
        await asyncio.sleep(_POLL_INTERVAL)


def _reap(sessions: Collection[int]) -> None:
    for pid in _children():
        state, session = _stat(pid)
        if state == "Z" and session in sessions and pid != session:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _children() -> Iterator[int]:
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            yield from map(int, (thread / "children").read_text().split())


def _stat(pid: int) -> tuple[str, int]:
    """Return the state and the session of a process; empty for one that is gone."""
    try:
        state, _parent, _group, session = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:4]
    except OSError:
        return "", 0
    return state, int(session)
