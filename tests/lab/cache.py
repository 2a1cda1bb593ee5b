"""The cache of the lab's programs and images, which take long to build, shared by all runs.

The cache lies outside the checkout: a fresh clone finds what an older one built. A thing in it is complete or absent,
because it is made elsewhere and moved in.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

Say = Callable[[str], None]
"""Prints one line for the person at the terminal."""


def root() -> Path:
    """Return the cache's directory, made if need be: `$XDG_CACHE_HOME/exalb-lab`, else `~/.cache/exalb-lab`."""
    home = os.environ.get("XDG_CACHE_HOME")
    path = (Path(home) if home else Path.home() / ".cache") / "exalb-lab"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def lock(path: Path, say: Say) -> Iterator[None]:
    """Hold the lock of `path`, waiting for another run that has it; the kernel frees it if we die."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("a") as file:
        begun, last_said = time.monotonic(), -5.0
        while not _taken(file.fileno()):
            waited = time.monotonic() - begun
            if waited - last_said >= 5:
                say(f"another run holds the lock of {path}; waiting for it ({waited:.0f} s)")
                last_said = waited
            time.sleep(0.1)
        yield


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def making(path: Path) -> Iterator[Path]:
    """Yield a new directory that becomes `path` when the block ends well and vanishes when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as staging:
        made = Path(staging) / "made"
        made.mkdir()
        yield made
        if path.exists():
            shutil.rmtree(path)
        made.rename(path)


def digest(path: Path) -> str:
    """Return the file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
