"""A long command shows its progress, keeps its output, and ends with the process that started it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import progress, wait


def test_error_has_the_end_of_the_log(tmp_path: Path) -> None:
    argv = ["sh", "-c", "echo out of flour; exit 3"]
    with pytest.raises(progress.CommandError, match=r"baking failed \(status 3\)(?s:.*)out of flour"):
        progress.run(argv, say=print, what="baking", log=tmp_path / "log")


def test_progress_is_reported(tmp_path: Path) -> None:
    lines: list[str] = []
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    def say(line: str) -> None:
        if not lines:
            fifo.write_text("enough\n")
        lines.append(line)

    progress.run(
        ["sh", "-c", f"echo 1; echo 2; read line < {fifo}"],
        say=say,
        what="counting",
        log=tmp_path / "log",
        measure=lambda count: f"({count} of 2)",
        every=0.2,
    )
    assert lines[0] == "counting: 0 s (2 of 2)"


def test_command_ends_with_its_killed_parent(tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    script = (
        "import pathlib\n"
        "from tests.lab import progress\n"
        f"argv = ['sh', '-c', 'echo $$ > {pidfile}.new; mv {pidfile}.new {pidfile}; exec sleep 600']\n"
        f"progress.run(argv, say=print, what='waiting', log=pathlib.Path({str(tmp_path / 'log')!r}))\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=Path(progress.__file__).parents[2]) as runner:
        wait.until("the command runs", pidfile.exists)
        command = int(pidfile.read_text())
        os.kill(command, 0)
        runner.send_signal(signal.SIGKILL)
    wait.until("the command ended", lambda: not Path(f"/proc/{command}").exists())
