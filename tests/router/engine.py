"""The engine of a node as its stories handle it: two processes of an ordinary user, each of which can be killed."""

import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from exalb_bgp.exabgp import wire
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.session import SessionStatus
from exalb_bgp.speaker import Speaker, SpeakerStatus
from tests.lab.network import Namespace, as_user
from tests.lab.wait import until
from tests.router.frames import Apply, Settle, Settled, read, write
from tests.router.volume import Volume

USER = 65532
"""The uid and gid of ExaLB's own image."""
PATIENCE = 60
"""Seconds in which the relay must call."""
ROOT = Path(__file__).parents[2]
STARTS_ITSELF = """
import subprocess, sys
subprocess.run([sys.executable, "-c", "import tests.router.programs"], check=True)
"""
"""Shows that the user may enter the interpreter's directory: ExaBGP is started by its supervisor, not by root."""


class Engine:
    """A supervisor with its ExaBGP, and a driver, inside a node's namespace."""

    def __init__(self, node: Namespace, *, small: bool = False) -> None:
        """Name the parts; with `small`, the directory is a volume of its own, which can be filled."""
        self.node = node
        self.directory = node.state / "engine"
        self.volume: Volume | None = None
        self._small = small
        self.status = SpeakerStatus()
        """What the driver told last."""
        self._supervisor: subprocess.Popen[Any] | None = None
        self._driver: subprocess.Popen[Any] | None = None
        self._listener: threading.Thread | None = None
        self._settled = Settled(0, self.status)

    def start(self) -> None:
        """Start both processes."""
        self.directory.mkdir(parents=True)
        self.directory.chmod(0o700)
        user, _ = runner()
        if user is not None:
            shutil.chown(self.directory, user, user)
        if self._small:
            self.volume = Volume(self.node, self.directory, user or 0)
        self._supervisor = self._run("supervise")
        self.start_driver()

    def stop(self) -> None:
        """End both."""
        self.kill_driver()
        if self._supervisor:
            self._supervisor.terminate()
            self._supervisor.wait()
        if self.volume:
            self.volume.close()

    def start_driver(self) -> None:
        """Start a driver that knows nothing."""
        self.status = SpeakerStatus()
        self._driver = self._run("drive", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._listener = threading.Thread(target=self._listen, args=(self._driver,), daemon=True)
        self._listener.start()

    def kill_driver(self) -> None:
        """Kill the driver as the kernel does: without a word."""
        if self._driver and self._listener:
            self._driver.kill()
            self._driver.wait()
            self._listener.join()
            for pipe in (self._driver.stdin, self._driver.stdout):
                assert pipe
                pipe.close()
            self._driver = None

    @property
    def seen(self) -> Path:
        """The engine's directory as seen from outside of the node."""
        return self.volume.directory if self.volume else self.directory

    def restart_supervisor(self) -> None:
        """Kill the supervisor, with which ExaBGP ends too, and start another."""
        assert self._supervisor
        self._supervisor.kill()
        self._supervisor.wait()
        self._supervisor = self._run("supervise")

    @property
    def driver_pid(self) -> int:
        """The process id of the driver; 0 where none was started."""
        return self._driver.pid if self._driver else 0

    def kill_exabgp(self) -> None:
        """Kill ExaBGP; its supervisor starts it again."""
        os.kill(self.pid("exabgp.server"), signal.SIGKILL)

    def kill_relay(self) -> None:
        """Kill the helper of ExaBGP, which starts it again."""
        os.kill(self.pid("relay.py"), signal.SIGKILL)

    def pid(self, command: str) -> int:
        """Find the one process of the node with these words in its command line."""
        return until(f"{command} runs", lambda: next(iter(self.find(command)), 0), seconds=30)

    def find(self, command: str) -> list[int]:
        """List the processes of the node with these words in their command lines, without their children."""
        found = [pid for pid in self.node.pids() if command.encode() in _command_line(pid)]
        return [pid for pid in found if _parent(pid) not in found]

    def apply(self, goal: Speaker) -> None:
        """Give the driver a new goal."""
        self._send(Apply(goal))

    def settle(self, seconds: float = 30) -> SpeakerStatus:
        """Wait until the driver says that all is told, and return what it knew then."""
        number = self._settled.number + 1
        self._send(Settle(number))
        until("the driver settled", lambda: self._settled.number >= number, seconds=seconds, every=0.02)
        return self._settled.status

    def ask(self, command: str) -> list[str]:
        """Ask ExaBGP itself, in place of the driver, and return the lines of its answer; a new driver starts then."""
        self.kill_driver()
        path = EngineSettings(self.seen).socket
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as server:
            server.settimeout(PATIENCE)
            server.bind(str(path))
            path.chmod(0o666)  # the relay is an ordinary user's, and this is not
            server.listen()
            connection, _ = server.accept()
            with connection, connection.makefile("rw") as lines:
                lines.write(f"{command}\n")
                lines.flush()
                told = [line.rstrip("\n") for line in iter(lines.readline, f"{wire.DONE}\n")]
        self.start_driver()
        return [line for line in told if not line.startswith(wire.EVENT)]

    def session(self, name: str) -> SessionStatus:
        """Return what the driver told last of one session."""
        return self.status.sessions.get(name, SessionStatus())

    def _send(self, frame: object) -> None:
        assert self._driver
        assert self._driver.stdin
        write(self._driver.stdin, frame)

    def _listen(self, driver: subprocess.Popen[Any]) -> None:
        assert driver.stdout
        while frame := read(driver.stdout):
            if isinstance(frame, SpeakerStatus):
                self.status = frame
            elif isinstance(frame, Settled):
                self._settled = frame

    def _run(self, program: str, **kw: Any) -> subprocess.Popen[Any]:
        user, interpreter = runner()
        log = self.node.state / f"{program}.log"
        argv = [interpreter, "-m", "tests.router.programs", program, str(self.directory)]
        argv = [*(as_user(user) if user is not None else []), *argv]
        inside = self.volume.inside if self.volume else []
        with log.open("a") as output:
            kw.setdefault("stdout", output)
            return self.node.popen([*inside, *argv], cwd=ROOT, env=_environment(), stderr=output, **kw)


@functools.cache
def runner() -> tuple[int | None, str]:
    """Return the user and the interpreter for a node's processes: an ordinary user, if one can run any here."""
    for interpreter in (sys.executable, "/usr/bin/python3"):
        tried = subprocess.run(
            [*as_user(USER), interpreter, "-c", STARTS_ITSELF],
            cwd=ROOT,
            env=_environment(),
            capture_output=True,
            check=False,
        )
        if tried.returncode == 0:
            return USER, interpreter
    return None, sys.executable


def _command_line(pid: int) -> bytes:
    """Return what a process was started with; nothing of one that ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _parent(pid: int) -> int:
    """Return a process's parent; 0 for a process that ended meanwhile."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _environment() -> dict[str, str]:
    packages = [path for path in sys.path if path.endswith("-packages")]
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(ROOT / "bgp"), str(ROOT), *packages]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "default",
    }
