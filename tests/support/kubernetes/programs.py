"""ExaLB's programs as processes of a test, each with a user of its own, which the server's audit log names."""

import contextlib
import http
import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from exalb.programs.controller import LEASE_NAME
from tests.lab import wait
from tests.lab.cluster import Lab
from tests.lab.pki import Authority
from tests.support.processes import listening_port

LEADS = f'leader_election_master_status{{name="{LEASE_NAME}"}}'
"""The metric by which a controller says whether it leads."""


@dataclass(frozen=True, slots=True)
class Program:
    """A running program."""

    user: str
    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """Kill it, without time to shut down."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Ask it to end, and wait for it."""
        self.process.terminate()
        assert self.process.wait(20) == 0, self.log.read_text()

    def stop(self) -> None:
        """Freeze it."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Thaw it."""
        self.process.send_signal(signal.SIGCONT)

    def metrics(self) -> dict[str, float]:
        """Return its metrics by name and labels, as it serves them; none while it does not answer."""
        text = self._get("/metrics") or ""
        rows = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in rows}

    def is_alive(self) -> bool:
        """Whether it answers the liveness probe of the chart."""
        return self._get("/healthz") is not None

    def log_lines(self) -> list[tuple[str, str]]:
        """Return the level and the event of each line of its log so far."""
        return re.findall(r"^\S+ \[(\w+) *\] (\w+)", self.log.read_text(), re.MULTILINE)

    def leads(self) -> bool:
        """Whether it says by its metric that it leads."""
        return self.metrics().get(LEADS) == 1

    def stands_by(self) -> bool:
        """Whether it does not lead, and has ended the work of a leader: it reports on no pool."""
        metrics = self.metrics()
        return metrics.get(LEADS) == 0 and not any(name.startswith("exalb_pool_") for name in metrics)

    def is_ready(self) -> bool:
        """Whether it says that it has listed everything."""
        return self._get("/readyz") is not None

    def wait_ready(self, seconds: float = 40) -> None:
        """Return when it has listed everything, and may become the leader."""
        self._wait("is ready", self.is_ready, seconds)

    def wait_leads(self, seconds: float = 40) -> None:
        """Return when it leads."""
        self._wait("leads", self.leads, seconds)

    def wait_stands_by(self, seconds: float = 40) -> None:
        """Return when it does not lead, and has ended the work of a leader."""
        self._wait("stands by", self.stands_by, seconds)

    def _wait(self, what: str, condition: Callable[[], bool], seconds: float) -> None:
        def reached() -> bool:
            assert self.process.poll() is None, f"{self.user} ended:\n{self.log.read_text()}"
            return condition()

        wait.until(f"{self.user} {what}", reached, seconds=seconds)

    def _get(self, path: str) -> str | None:
        """Return its answer with status 200; None without one, as from a frozen program."""
        port = listening_port(self.process.pid)
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port or 0, timeout=1)) as connection:
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                return answer.read().decode() if answer.status == http.HTTPStatus.OK else None
            except (OSError, http.client.HTTPException):
                return None


class Programs:
    """Starts programs, and ends all that still run when the context ends."""

    def __init__(self, cluster: Lab, directory: Path, groups: Sequence[str] = ("system:masters",)) -> None:
        self._cluster, self._directory, self._groups = cluster, directory, list(groups)
        self._running: list[Program] = []

    def user(self, name: str, server: str | None = None) -> Path:
        """Return the kubeconfig of a user called `name`, by way of `server` where that is given.

        It is an administrator, unless the programs are of other groups.
        """
        folder = self._directory / _short(name)
        if (made := folder / "kubeconfig").exists():
            return made
        pki = Authority(self._cluster.layout.state / "pki")
        directory = Authority.create(folder).directory
        for file in (pki.cert, pki.key):
            (directory / file.name).write_bytes(file.read_bytes())
        certificate = Authority(directory).issue(name, name, self._groups)
        address = (
            server or yaml.safe_load(self._cluster.layout.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
        )
        return Authority(directory).kubeconfig(directory / "kubeconfig", address, certificate)

    def controller(
        self,
        user: str,
        server: str,
        namespace: str,
        code: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Program:
        """Start a controller whose Lease is in `namespace`, of this checkout or of the `code` of another one."""
        return self._start(user, server, code, "controller", f"--namespace={namespace}", environment=environment)

    def speaker(
        self,
        user: str,
        server: str,
        namespace: str,
        node: str,
        code: Path | None = None,
        *,
        inside: Sequence[str] = (),
    ) -> Program:
        """Start the speaker of a node; it has no BGP engine. `inside` is a command that executes another elsewhere."""
        directory = self._directory / f"{_short(user)}-engine"
        directory.mkdir(exist_ok=True)
        own = (f"--namespace={namespace}", f"--node-name={node}", f"--directory={directory}", "--data-plane=off")
        return self._start(user, server, code, "speaker", *own, inside=inside)

    def _start(
        self,
        user: str,
        server: str,
        code: Path | None,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        inside: Sequence[str] = (),
    ) -> Program:
        log = self._directory / f"{_short(user)}.log"
        more = (f"--kubeconfig={self.user(user, server)}", "--listen=127.0.0.1:0")
        variables = {name: value for name, value in os.environ.items() if not name.startswith("EXALB_")}
        variables |= environment or {}
        if code:
            variables["PYTHONPATH"] = f"{code / 'operator'}:{code / 'bgp'}"
        with log.open("w") as output:
            process = subprocess.Popen(
                [
                    *inside,
                    sys.executable,
                    "-m",
                    "exalb",
                    *arguments,
                    *more,
                    "--log-format=console",
                    "--log-level=debug",
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=variables,
                cwd=self._directory,
            )
        program = Program(user, process, log)
        self._running.append(program)
        return program

    @contextlib.contextmanager
    def ended(self) -> Iterator["Programs"]:
        """Kill all programs that still run at the end."""
        try:
            yield self
        finally:
            for program in self._running:
                program.kill()


def _short(user: str) -> str:
    """Return a name for files: without colons, and the paths of sockets must be short."""
    return user.rpartition(":")[2]
