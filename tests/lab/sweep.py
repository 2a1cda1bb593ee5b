"""Clearing a lab away: every process, namespace, control group and file that carries its name, and nothing else.

It is found by names alone, so half-made labs go, and those that a killed run or an earlier boot left behind.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.lab import cgroups, layout, network
from tests.lab.layout import PART_OF, Layout


@contextlib.contextmanager
def alone(lab: Layout) -> Iterator[None]:
    """Hold the lab for this process; wait while another process builds or removes it; make its state directory.

    The lock is on the directory, so it is removed with the lab; a process that waited for it finds a new directory.
    """
    while True:
        lab.state.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            held = os.open(lab.state, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(held, fcntl.LOCK_EX)
            if lab.state.exists() and os.path.samestat(os.fstat(held), lab.state.stat()):
                break
            os.close(held)
    try:
        yield
    finally:
        os.close(held)


def clear(lab: Layout, *, keep: tuple[Path, ...] = ()) -> None:
    """Remove the lab, except the files `keep` of its state directory. Safe to repeat; call it inside `alone`."""
    for group in cgroups.leftovers(lab.name):
        group.remove()
    network.delete_all(lab.name)
    _remove(lab.store)
    if not keep:
        _remove(lab.state)
        return
    for path in lab.state.iterdir():
        if path not in keep:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def traces(lab: Layout) -> list[str]:
    """List what there is of a lab, in words for people; empty when it is gone."""
    groups = [f"control group {path}" for group in cgroups.leftovers(lab.name) for path in group.directories]
    namespaces = [f"network namespace {namespace.name}" for namespace in network.namespaces(lab.name)]
    files = [f"directory {path}" for path in (lab.state, lab.store) if path.exists()]
    return groups + namespaces + files + [f"process {pid} {command}" for pid, command in _processes(lab)]


def _processes(lab: Layout) -> Iterator[tuple[int, str]]:
    """Find the processes that were started as parts of the lab.

    EXALB_LAB does not identify them: people export it, and then every shell has it.
    """
    mark = f"{PART_OF}={lab.name}".encode()
    for directory in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (directory / "environ").read_bytes().split(b"\0"):
                command = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                yield int(directory.name), command.strip()


def _remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=False) if directory.exists() else None
    with contextlib.suppress(OSError):
        directory.parent.rmdir()


def names() -> list[str]:
    """List the labs of which anything is on disk."""
    found = (path.name for root in (network.STATE, layout.STORES) if root.is_dir() for path in root.iterdir())
    return sorted(set(found))
