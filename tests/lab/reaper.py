"""The reaper: a small process that outlives the run that owns a lab, and clears the lab away when that run is gone.

However a run ends, by a failure, Ctrl-C or kill -9, its lab does not stay. `python -m tests.lab.reaper NAME PID` waits
for process PID to end, then removes lab NAME.
"""

import contextlib
import os
import select
import signal
import sys
from pathlib import Path

from tests.lab import daemon, sweep
from tests.lab.daemon import Identity
from tests.lab.layout import Layout


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
    argv = [sys.executable, "-m", "tests.lab.reaper", lab.name, str(pid)]
    if daemon.start(argv, identity=lab.reaper, log=log, lab=lab.name, directory=Path(__file__).parents[2]) is None:
        raise ChildProcessError(f"the lab's reaper ended at once; the end of {log}:\n{daemon.tail(log)}")


def release(lab: Layout) -> None:
    """Let the lab stay when its owner ends."""
    if reaper := Identity.read(lab.reaper):
        with contextlib.suppress(ProcessLookupError):
            os.kill(reaper.pid, signal.SIGKILL)
            select.select([os.pidfd_open(reaper.pid)], [], [])
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
