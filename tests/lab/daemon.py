"""Processes that outlive the process that started them, and are found again by their pid files."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab import wait
from tests.lab.layout import PART_OF

_NOTE_PID = 'echo $$ > "$1.new" && mv "$1.new" "$1" && shift && exec "$@"'


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that cannot be taken for another with the same pid, on this boot or the next."""

    pid: int
    started: str
    boot: str

    @classmethod
    def of(cls, pid: int) -> "Identity | None":
        """Return the identity of a running process; None when there is none.

        A killed process runs until its last thread has ended: only then are its files and sockets closed.
        """
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            threads = sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
        except (FileNotFoundError, ProcessLookupError):
            return None
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return None if fields[0] in "ZX" and threads <= 1 else cls(pid, fields[19], boot)

    @classmethod
    def read(cls, path: Path) -> "Identity | None":
        """Return what `write` wrote, if that process still runs."""
        try:
            pid, started, boot = path.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        claimed = cls(int(pid), started, boot)
        return claimed if cls.of(claimed.pid) == claimed else None

    def write(self, path: Path) -> None:
        """Write the identity down."""
        path.write_text(f"{self.pid} {self.started} {self.boot}\n")


def start(
    argv: Sequence[str | Path], *, identity: Path, log: Path, lab: str, directory: Path | None = None
) -> Identity | None:
    """Start a process in a session of its own, with its output in `log` and its identity written to `identity`.

    Its environment says that it is a part of the lab. Returns None when it ended before it could be looked at.
    """
    pidfile = identity.with_suffix(".starting")
    pidfile.unlink(missing_ok=True)
    with log.open("a") as output:
        subprocess.run(
            ["setsid", "--fork", "sh", "-c", _NOTE_PID, "sh", pidfile, *argv],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=directory,
            env={**os.environ, PART_OF: lab},
        )
    wait.until(f"{argv[0]} starts", pidfile.exists, seconds=30, every=0.002)
    started = Identity.of(int(pidfile.read_text()))
    pidfile.unlink()
    if started is not None:
        started.write(identity)
    return started


def tail(log: Path, lines: int = 15) -> str:
    """Return the end of a log, indented, for a message."""
    return "\n".join(f"    {line}" for line in log.read_text(errors="replace").splitlines()[-lines:])
