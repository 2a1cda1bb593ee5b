"""What an ExaBGP that died leaves behind: helpers, which become children of a container's first process."""

import asyncio
import contextlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

_LOOK = 1.0
"""Seconds between two looks."""


async def reap(sessions: Collection[int]) -> None:
    """Until cancelled, let go of the ended children of these kernel sessions, which somebody else started."""
    while True:
        _let_go(sessions)
        await asyncio.sleep(_LOOK)


def _let_go(sessions: Collection[int]) -> None:
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
    """Return the state and the session of a process; nothing of one that is gone."""
    try:
        state, _parent, _group, session = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:4]
    except OSError:
        return "", 0
    return state, int(session)
