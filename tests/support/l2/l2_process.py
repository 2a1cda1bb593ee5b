"""The L2 process of a node, as a test handles it: what `exalb l2` runs, in the namespace of the node."""

import socket
import subprocess
import sys
from typing import Any

from exalb_l2.goal import Goal, L2Status, goal_line, status_of
from exalb_l2.settings import L2Settings
from tests.lab.network import Namespace
from tests.lab.wait import until
from tests.support.engine.supervised import environment
from tests.support.tree import ROOT

RAW_ALONE = ("setpriv", "--no-new-privs", "--bounding-set=-all,+net_raw", "--inh-caps=-all", "--")
"""As in the chart: user 0 without any other capability."""


class L2Process:
    """One process after the other, in one directory."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.settings = L2Settings(namespace.state / "l2")
        self.settings.directory.mkdir(parents=True)
        self.process: subprocess.Popen[Any] | None = None

    def start(self) -> None:
        """Start the process, with CAP_NET_RAW alone."""
        argv = [*RAW_ALONE, sys.executable, "-m", "tests.support.l2.program", str(self.settings.directory)]
        with (self.namespace.state / "l2.log").open("a") as output:
            self.process = self.namespace.popen(argv, cwd=ROOT, env=environment(), stdout=output, stderr=output)
        until(f"the L2 process of {self.namespace.role} answers", lambda: self.status(None) is not None)

    def stop(self) -> None:
        """End the process as the kubelet does."""
        assert self.process
        self.process.terminate()
        assert self.process.wait(timeout=20) == 0

    def kill(self) -> None:
        """Kill the process."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def status(self, goal: Goal | None) -> L2Status | None:
        """Give a goal, if there is one, and return the status; None while the process does not answer."""
        try:
            with socket.socket(socket.AF_UNIX) as client, client.makefile("r") as lines:
                client.settimeout(5)
                client.connect(str(self.settings.socket))
                said = lines.readline()
                if goal is not None:
                    client.sendall(goal_line(goal).encode())
                    said = lines.readline()
                return status_of(said)
        except (OSError, ValueError):
            return None
