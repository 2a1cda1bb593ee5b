"""The BFD process of a node as its stories handle it: a supervisor with its worker, each of which can be killed."""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from exalb_bfd.packet import State
from exalb_bfd.peers import BfdSession, Peer, goal_line, sessions_of
from exalb_bfd.settings import BfdSettings
from tests.lab.daemon import tail
from tests.lab.network import Namespace, as_user
from tests.lab.wait import until
from tests.support.engine.supervised import environment, runner
from tests.support.tree import ROOT


class BfdProcess:
    """`exalb bfd` of one node, run by an ordinary user without a capability."""

    def __init__(self, node: Namespace) -> None:
        self.node, self.settings = node, BfdSettings(node.state / "bfd")
        self._supervisor: subprocess.Popen[Any] | None = None
        self._goal: dict[str, Peer] = {}

    def start(self) -> None:
        """Start it; return when it answers."""
        self.settings.directory.mkdir(parents=True, exist_ok=True)
        user, interpreter = runner()
        if user is not None:
            shutil.chown(self.settings.directory, user, user)
        argv = [interpreter, "-m", "tests.support.engine.bfd_program", str(self.settings.directory)]
        argv = [*(as_user(user) if user is not None else []), *argv]
        with (self.node.state / "bfd.log").open("a") as output:
            self._supervisor = self.node.popen(argv, cwd=ROOT, env=environment(), stdout=output, stderr=output)
        until("the BFD process answers", self._answers)

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as client, client.makefile("r") as lines:
                client.settimeout(5)
                client.connect(str(self.settings.socket))
                return bool(lines.readline())
        except OSError:
            return False

    def stop(self) -> None:
        """End it as the kubelet does: it asks the routers to wait."""
        if self._supervisor:
            self._supervisor.terminate()
            code = self._supervisor.wait(timeout=20)
            assert code == 0, f"exit code {code}: {tail(self.node.state / 'bfd.log', 20)}"
            self._supervisor = None

    def kill(self) -> None:
        """Kill the supervisor, and with it the worker."""
        assert self._supervisor
        self._supervisor.kill()
        self._supervisor.wait()
        self._supervisor = None

    @property
    def worker(self) -> int:
        """The process id of the worker."""
        assert self._supervisor
        pid = self._supervisor.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else 0

    def kill_worker(self) -> None:
        """Kill the worker as the kernel does, and wait for the next one."""
        before = self.worker
        os.kill(before, signal.SIGKILL)
        until("another worker runs", lambda: self.worker not in (0, before), every=0.005)

    @contextmanager
    def listening(self) -> Iterator[list[dict[str, BfdSession]]]:
        """Collect all that the process says while the context lasts, which it has to end."""
        said: list[dict[str, BfdSession]] = []
        with socket.socket(socket.AF_UNIX) as client, client.makefile("r") as lines:
            client.settimeout(20)
            client.connect(str(self.settings.socket))
            said.append(sessions_of(lines.readline()))
            yield said
            said += map(sessions_of, lines)

    def apply(self, goal: Mapping[str, Peer]) -> None:
        """Give it a new goal."""
        self._goal = dict(goal)
        until("the BFD process takes the goal", lambda: self._ask() is not None)

    def session(self, name: str) -> BfdSession:
        """Return the status of one session."""
        return (self._ask() or {}).get(name, BfdSession(problem="the process does not answer"))

    def until_state(self, state: State, *names: str, seconds: float = 30) -> None:
        """Wait until these sessions are in a state."""
        for name in names:
            until(f"{name} is {state.name}", partial(self._is, name, state), seconds=seconds)

    def _is(self, name: str, state: State) -> bool:
        session = self.session(name)
        assert session.state is state, session
        return True

    def _ask(self) -> dict[str, BfdSession] | None:
        """Give the goal once more, and return the status after it; None while the process does not answer."""
        try:
            with socket.socket(socket.AF_UNIX) as client, client.makefile("r") as lines:
                client.settimeout(5)
                client.connect(str(self.settings.socket))
                lines.readline()
                client.sendall(goal_line(self._goal).encode())
                return sessions_of(lines.readline())
        except (OSError, json.JSONDecodeError):
            return None
