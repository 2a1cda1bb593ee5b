"""ExaLB's programs as processes of a test, each with a user of its own, whom the server's audit log names."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.lab import wait
from tests.lab.cluster import Lab
from tests.lab.pki import Authority


@dataclass(frozen=True, slots=True)
class Program:
    """A running program."""

    user: str
    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """End it without a chance to say goodbye."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Tell it to end, and wait for it."""
        self.process.terminate()
        assert self.process.wait(20) == 0, self.log.read_text()

    def stop(self) -> None:
        """Freeze it."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Thaw it."""
        self.process.send_signal(signal.SIGCONT)

    def says(self, words: str) -> bool:
        """Tell whether its log holds these words."""
        return words in self.log.read_text()

    def wait_says(self, words: str, seconds: float = 40) -> None:
        """Return when its log holds these words."""

        def said() -> bool:
            assert self.process.poll() is None, f"{self.user} ended:\n{self.log.read_text()}"
            return self.says(words)

        wait.until(f"{self.user} says {words!r}", said, seconds=seconds)


class Programs:
    """Starts programs, and ends what still runs when the context ends."""

    def __init__(self, cluster: Lab, directory: Path) -> None:
        self._cluster, self._directory = cluster, directory
        self._running: list[Program] = []

    def user(self, name: str, server: str | None = None) -> Path:
        """Return the kubeconfig of an administrator called `name`, by way of `server` where that is given."""
        pki = Authority(self._cluster.layout.state / "pki")
        directory = Authority.create(self._directory / name).directory
        for file in (pki.cert, pki.key):
            (directory / file.name).write_bytes(file.read_bytes())
        certificate = Authority(directory).issue(name, name, ["system:masters"])
        address = (
            server or yaml.safe_load(self._cluster.layout.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
        )
        return Authority(directory).kubeconfig(directory / "kubeconfig", address, certificate)

    def controller(self, user: str, server: str, namespace: str) -> Program:
        """Start a controller whose Lease is in `namespace`."""
        log = self._directory / f"{user}.log"
        arguments = ["controller", f"--kubeconfig={self.user(user, server)}", f"--namespace={namespace}"]
        arguments += ["--listen=127.0.0.1:0", "--log-format=console", "--log-level=debug"]
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "exalb", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={name: value for name, value in os.environ.items() if not name.startswith("EXALB_")},
            )
        program = Program(user, process, log)
        self._running.append(program)
        return program

    @contextlib.contextmanager
    def ended(self) -> Iterator["Programs"]:
        """Kill whatever still runs at the end."""
        try:
            yield self
        finally:
            for program in self._running:
                program.kill()
