"""The reaper: a small process that outlives the run that owns a lab, and clears the lab away when that run is gone.

However a run ends, by a failure, Ctrl-C or kill -9, its lab does not stay. `python -m tests.lab.reaper NAME PID` waits
for process PID to end, then removes lab NAME.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.lab import sweep
from tests.lab.layout import Layout


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that cannot be taken for another with the same pid, on this boot or the next."""

    pid: int
    started: str
    boot: str

    @classmethod
    def of(cls, pid: int) -> "Identity | None":
        """Return the identity of a running process; None when there is none."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return None if fields[0] in "ZX" else cls(pid, fields[19], boot)

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


def owner(lab: Layout) -> Identity | None:
    """Return the running process that the lab belongs to; None for a lab that stays up by itself, or for none."""
    return Identity.read(lab.owner) if Identity.read(lab.reaper) else None


def start(lab: Layout, pid: int) -> None:
    """Bind the lab to process `pid`."""
    identity = Identity.of(pid)
    if identity is None:
        raise ProcessLookupError(f"process {pid} is not there to own lab {lab.name}")
    identity.write(lab.owner)
    log = lab.log("reaper")
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.lab.reaper", lab.name, str(pid)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    started = Identity.of(process.pid)
    if started is None:
        raise ChildProcessError(f"the lab's reaper ended at once; see {log}")
    started.write(lab.reaper)


def release(lab: Layout) -> None:
    """Let the lab stay when its owner ends."""
    if reaper := Identity.read(lab.reaper):
        with contextlib.suppress(ProcessLookupError):
            os.kill(reaper.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(reaper.pid, 0)
    for path in (lab.reaper, lab.owner):
        path.unlink(missing_ok=True)


def main(name: str, pid: int) -> None:
    """Wait for process `pid` to end, then clear the lab away, unless it has another owner by then."""
    lab = Layout(name)
    with contextlib.suppress(ProcessLookupError):
        select.select([os.pidfd_open(pid)], [], [])
    with sweep.alone(lab):
        mine = Identity.read(lab.reaper)
        if mine is not None and mine.pid == os.getpid():
            sweep.clear(lab)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
