"""Commands of `make` about a lab. What serves a fixed port has a network namespace of its own, where it is free."""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.lab import wait
from tests.lab.cluster import Lab
from tests.lab.network import Namespace
from tests.support.tree import ROOT

BUILD_SECONDS = 2400
"""To compile Kubernetes on a slow machine, and to show the demo."""
START_SECONDS = 240.0


def make(lab: Lab, line: str, status: int = 0, given: str = "") -> str:
    """Run a command line in a lab of this name to its end, with standard input; return its output."""
    done = subprocess.run(
        _words(lab, line), cwd=ROOT, input=given, check=False, capture_output=True, text=True, timeout=BUILD_SECONDS
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def _words(lab: Lab, line: str) -> list[str]:
    return [*line.split(), f"EXALB_LAB={lab.name}"]


@contextmanager
def going_on(lab: Lab, line: str, ready: str) -> Iterator[tuple[Namespace, tuple[str, str]]]:
    """Run a command line until its output matches `ready`; yield its namespace and the groups, then press Ctrl-C."""
    desk = Namespace.create(lab.name, "desk")
    try:
        with tempfile.TemporaryDirectory() as folder:
            printed = Path(folder) / "printed"
            with printed.open("w") as output:
                process = desk.popen(
                    ["env", "--default-signal=INT", *_words(lab, line)],  # a shell's background jobs ignore Ctrl-C
                    cwd=ROOT,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            try:
                [found, *_] = wait.until(line, lambda: _found(process, printed, ready), seconds=START_SECONDS)
                yield desk, found
            finally:
                _press_ctrl_c(process)
    finally:
        desk.delete()


def _press_ctrl_c(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def _found(process: "subprocess.Popen[bytes]", printed: Path, ready: str) -> list[tuple[str, str]]:
    text = printed.read_text()
    if process.poll() is not None:
        pytest.fail(text)
    return re.findall(ready, text)
