"""What the supervisor sees of an ExaBGP that lives but does not work."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exalb_bgp.exabgp.process import _has_children
from tests.lab.wait import until
from tests.unit.bgp.node import Node

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
    """Run a process that never asks how its child is; give both their ids."""
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


def test_a_helper_that_ended_is_no_helper() -> None:
    """ExaBGP that gave up on its helper does not ask for its end, so the kernel goes on to list it."""
    with parent("os._exit(0)") as (process, child):
        until("the child ended", lambda: state(child) == "Z")
        assert str(child) in Path(f"/proc/{process}/task/{process}/children").read_text().split()
        assert not _has_children(process)


def test_nothing_is_left_of_an_exabgp_that_died(node: Node) -> None:
    died = until("ExaBGP runs", node.exabgp)
    until("its helper runs", lambda: Path(f"/proc/{died}/task/{died}/children").read_text())
    os.kill(died, signal.SIGKILL)
    until("the next one runs", lambda: node.exabgp() not in {0, died})
    until("only that one is there", lambda: node.children() == [node.exabgp()])


def test_a_helper_that_runs_is_one() -> None:
    with parent("signal.pause()") as (process, child):
        assert _has_children(process)
        os.kill(child, signal.SIGKILL)
