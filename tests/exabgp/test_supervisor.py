"""The supervisor finds an ExaBGP that runs but does not work."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from exalb_bgp.exabgp.launcher import command
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.exabgp.supervisor.watchdog import has_children
from tests.lab.wait import until
from tests.support.engine.process import Node
from tests.support.processes import wake_ups

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


def test_engine_that_cannot_start_is_tried_again_until_a_signal_comes(tmp_path: Path) -> None:
    """Its log has the lines of all programs, and the signal is taken during the pause before the next start."""
    engine = EngineSettings(tmp_path)
    engine.configuration.write_text("no configuration")
    with subprocess.Popen(command(engine), stderr=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stderr
        entries: list[dict[str, Any]] = []
        while sum(entry["event"] == "exabgp_exited" for entry in entries) < 3:
            entries.append(json.loads(supervisor.stderr.readline()))
        supervisor.send_signal(signal.SIGTERM)
        entries += [json.loads(line) for line in supervisor.stderr]
        assert supervisor.wait() == 0
    exits = [entry for entry in entries if entry["event"] == "exabgp_exited"]
    assert [(entry["unstable_runs"], entry["restart_in_s"]) for entry in exits] == [(1, 0.1), (2, 0.5), (3, 1.0)]
    assert [entry["signal"] for entry in entries if entry["event"] == "stopping"] == ["SIGTERM"]
    assert all({"event", "level", "logger", "timestamp"} <= entry.keys() for entry in entries)


def test_directory_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    ended = subprocess.run(command(EngineSettings(tmp_path / "gone")), capture_output=True, text=True, check=False)
    [entry] = map(json.loads, ended.stderr.splitlines())
    assert (ended.returncode, entry["event"], entry["level"]) == (1, "cannot_run", "error")


def test_log_for_people_has_no_json(tmp_path: Path) -> None:
    console = command(EngineSettings(tmp_path / "gone"), "error", "console")
    [line] = subprocess.run(console, capture_output=True, text=True, check=False).stderr.splitlines()
    assert re.fullmatch(r"\S+Z \[error +\] cannot_run +\[exalb_bgp\.exabgp\.supervisor\] error=.*gone.*", line)


def test_supervisor_that_was_stopped_for_longer_than_its_pause_goes_on(node: Node) -> None:
    """As a debugger, or a person with SIGSTOP, stops it: ExaBGP and its sessions must not end with it."""
    exabgp = until("ExaBGP runs", node.exabgp)
    until("the relay runs", lambda: Path(f"/proc/{exabgp}/task/{exabgp}/children").read_text())
    looks = until("it looks", lambda: wake_ups(node.supervisor.pid))
    until("it looked again and pauses", lambda: wake_ups(node.supervisor.pid) > looks)
    os.kill(node.supervisor.pid, signal.SIGSTOP)
    stopped = time.monotonic()
    until("its pause is over", lambda: time.monotonic() - stopped > 7)
    os.kill(node.supervisor.pid, signal.SIGCONT)
    os.kill(exabgp, signal.SIGKILL)
    until("it starts another ExaBGP", lambda: node.exabgp() not in {0, exabgp})
    assert node.supervisor.poll() is None
