"""The programs of one engine inside a node's namespace: started, found, killed and ended."""

import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.lab.network import Namespace, as_user
from tests.lab.wait import until
from tests.support.engine.volume import Volume
from tests.support.processes import running
from tests.support.tree import ROOT

USER = 65532
"""The uid and gid of ExaLB's own image."""
STARTS_ITSELF = """
import subprocess, sys
subprocess.run([sys.executable, "-c", "import tests.support.engine.programs"], check=True)
"""
"""Shows that the user may enter the interpreter's directory: ExaBGP is started by its supervisor, not by root."""


class Supervised:
    """A supervisor with its ExaBGP. They run as the test's own user, unless `runner` names another."""

    def __init__(
        self, node: Namespace, directory: Path, runner: tuple[int | None, str] = (None, sys.executable)
    ) -> None:
        self.node, self.directory, self._runner = node, directory, runner
        self.volume: Volume | None = None
        self._supervisor: subprocess.Popen[Any] | None = None

    def start_supervisor(self) -> None:
        """Start the supervisor, and so ExaBGP."""
        self._supervisor = self._run("supervise")

    def stop_supervisor(self) -> None:
        """End the supervisor, and ExaBGP with it."""
        if self._supervisor:
            self._supervisor.terminate()
            self._supervisor.wait(timeout=20)

    def restart_supervisor(self) -> None:
        """Kill the supervisor, with which ExaBGP ends too, and start another."""
        assert self._supervisor
        self._supervisor.kill()
        self._supervisor.wait()
        self.start_supervisor()

    @property
    def supervisor_pid(self) -> int:
        """The process id of the supervisor."""
        assert self._supervisor
        return self._supervisor.pid

    def pid(self, command: str, every: float = 0.05) -> int:
        """Find the one process of the node with these words in its command line."""
        return until(f"{command} runs", lambda: next(iter(self.find(command)), 0), seconds=30, every=every)

    def find(self, command: str) -> list[int]:
        """List the processes of the node with these words in their command lines, without their children."""
        return running(command, self.node.pids())

    def _run(self, program: str, **kw: Any) -> subprocess.Popen[Any]:
        user, interpreter = self._runner
        argv = [interpreter, "-m", "tests.support.engine.programs", program, str(self.directory)]
        argv = [*(as_user(user) if user is not None else []), *argv]
        inside = self.volume.inside if self.volume else []
        with (self.node.state / f"{program}.log").open("a") as output:
            kw.setdefault("stdout", output)
            return self.node.popen([*inside, *argv], cwd=ROOT, env=environment(), stderr=output, **kw)


@functools.cache
def runner() -> tuple[int | None, str]:
    """Return the user and the interpreter for a node's processes: an ordinary user, if one can run any here."""
    for interpreter in (sys.executable, "/usr/bin/python3"):
        tried = subprocess.run(
            [*as_user(USER), interpreter, "-c", STARTS_ITSELF],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            check=False,
        )
        if tried.returncode == 0:
            return USER, interpreter
    return None, sys.executable


def environment() -> dict[str, str]:
    packages = [path for path in sys.path if path.endswith("-packages")]
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(ROOT / "bgp"), str(ROOT / "operator"), str(ROOT), *packages]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "default",
    }
