"""A unit test starts no process: one that does fails."""

import sys
from collections.abc import Iterator

import pytest

STARTS = frozenset({"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen"})
"""The audit events of Python that start a process."""


class ProcessGuard:
    """An audit hook, which Python cannot remove; it refuses processes while a unit test runs."""

    def __init__(self) -> None:
        self.active = False
        sys.addaudithook(self)

    def __call__(self, event: str, _arguments: tuple[object, ...]) -> None:
        """Refuse a process."""
        if self.active and event in STARTS:
            raise RuntimeError(f"a unit test starts a process ({event}): move it to tests/commands or tests/exabgp")


GUARD = ProcessGuard()


@pytest.fixture(autouse=True)
def no_process() -> Iterator[None]:
    """Refuse processes during each test of this folder."""
    GUARD.active = True
    yield
    GUARD.active = False
