"""The supervisor finds an ExaBGP that runs but does not work."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exalb_bgp.exabgp.supervisor.watchdog import has_children
from tests.lab.wait import until
from tests.support.engine.process import Node

PARENT = """
import os, signal
child = os.fork()
if not child:
    {does}
print(child, flush=True)
signal.pause()
"""


@contextmanager
def parent(does: str) -> Iterator[tuple[int, int]]:
    """Run a process that never waits for its child; return both process ids."""
    command = [sys.executable, "-c", PARENT.format(does=does)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        child = int(process.stdout.readline())
        try:
            yield process.pid, child
        finally:
            process.kill()


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_ended_helper_is_not_found() -> None:
    """An ExaBGP that gave up its helper does not wait for it, so the kernel still lists it."""
    with parent("os._exit(0)") as (process, child):
        until("the child ended", lambda: state(child) == "Z")
        assert str(child) in Path(f"/proc/{process}/task/{process}/children").read_text().split()
        assert not has_children(process)


def test_died_exabgp_leaves_no_process(node: Node) -> None:
    died = until("ExaBGP runs", node.exabgp)
    until("the relay runs", lambda: Path(f"/proc/{died}/task/{died}/children").read_text())
    os.kill(died, signal.SIGKILL)
    until("the next ExaBGP runs", lambda: node.exabgp() not in {0, died})
    until("only the new ExaBGP is left", lambda: node.children() == [node.exabgp()])


def test_running_helper_is_found() -> None:
    with parent("signal.pause()") as (process, child):
        assert has_children(process)
        os.kill(child, signal.SIGKILL)


def test_exabgp_dumps_no_core(node: Node) -> None:
    limits = Path(f"/proc/{until('ExaBGP runs', node.exabgp)}/limits").read_text()
    assert re.search(r"Max core file size +0 +0 ", limits)
