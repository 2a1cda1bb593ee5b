"""The engine of a node as its stories handle it: two processes of an ordinary user, each of which can be killed."""

import os
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

from exalb_bgp.exabgp.driver import api_lines
from exalb_bgp.exabgp.driver.resumption import Answer
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.session import SessionStatus
from exalb_bgp.speaker import Speaker, SpeakerStatus
from tests.lab.network import Namespace
from tests.lab.wait import until
from tests.support.bgp.frames import Apply, Settle, Settled, read, write
from tests.support.engine.supervised import Supervised, runner
from tests.support.engine.volume import Volume

TIMEOUT = 60
"""Seconds in which the relay must connect."""


class Engine(Supervised):
    """A supervisor with its ExaBGP, and a driver, inside a node's namespace."""

    def __init__(self, node: Namespace, *, small: bool = False, program: str = "drive") -> None:
        """Name the parts; with `small`, the directory is a volume of its own, which can be filled."""
        super().__init__(node, node.state / "engine", runner())
        self._small, self._program = small, program
        self.status = SpeakerStatus()
        """The last status of the driver."""
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
        self.start_supervisor()
        self.start_driver()

    def stop(self) -> None:
        """End both."""
        self.kill_driver()
        self.stop_supervisor()
        if self.volume:
            self.volume.close()

    def start_driver(self) -> None:
        """Start a driver that knows nothing."""
        self.status = SpeakerStatus()
        self._driver = self._run(self._program, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._listener = threading.Thread(target=self._listen, args=(self._driver,), daemon=True)
        self._listener.start()

    def kill_driver(self) -> None:
        """Kill the driver as the kernel does, with SIGKILL."""
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

    def apply(self, goal: Speaker) -> None:
        """Give the driver a new goal."""
        self.send(Apply(goal))

    def settle(self, seconds: float = 30) -> SpeakerStatus:
        """Wait until the driver reports that all routes are announced, and return its status at that time."""
        number = self._settled.number + 1
        self.send(Settle(number))
        until("the driver settled", lambda: self._settled.number >= number, seconds=seconds, every=0.02)
        return self._settled.status

    def ask(self, command: str) -> list[str]:
        """Ask ExaBGP itself, in place of the driver, and return the lines of its answer; a new driver starts then."""
        self.kill_driver()
        path = EngineSettings(self.seen).socket
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as server:
            server.settimeout(TIMEOUT)
            server.bind(str(path))
            path.chmod(0o666)  # the relay is an ordinary user's, and this is not
            server.listen()
            connection, _ = server.accept()
            with connection, connection.makefile("rw") as lines:
                lines.write(f"{command}\n")
                lines.flush()
                answer = [line.rstrip("\n") for line in iter(lines.readline, f"{Answer.DONE.value}\n")]
        self.start_driver()
        return [line for line in answer if not line.startswith(api_lines.EVENT)]

    def session(self, name: str) -> SessionStatus:
        """Return the last status of one session."""
        return self.status.sessions.get(name, SessionStatus())

    def send(self, frame: object) -> None:
        """Send one frame to the driver."""
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
            else:
                self.take(frame)

    def take(self, frame: object) -> None:
        """Take a frame that only `speak` sends."""
        raise AssertionError(f"unexpected: {frame}")
