"""Processes that are found again by their pid files."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import wait
from tests.lab.daemon import Identity

MAIN_THREAD_ENDS = (
    "import ctypes, threading; threading.Thread(target=input).start(); ctypes.CDLL(None).pthread_exit(None)"
)
"""A program whose other thread waits for stdin."""


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """Return a process whose main thread ends; another one runs until stdin is closed."""
    with subprocess.Popen([sys.executable, "-c", MAIN_THREAD_ENDS], stdin=subprocess.PIPE) as process:
        yield process


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_process_runs_until_its_last_thread_has_ended(process: subprocess.Popen[bytes]) -> None:
    wait.until("the main thread has ended", lambda: state(process.pid) == "Z", seconds=20, every=0.01)
    assert Identity.of(process.pid)
    assert process.stdin
    process.stdin.close()
    wait.until("no thread is left", lambda: Identity.of(process.pid) is None, seconds=20, every=0.01)
    assert state(process.pid) == "Z"
