"""A node of the lab's cluster: the real containerd, kubelet and kube-proxy, in namespaces of its own.

A node is a name in a lab; its state is in the lab's state directory, so any process can create the object again.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

from tests.lab import cgroups, daemon, nodeconfig, seeds, wait
from tests.lab.daemon import Identity
from tests.lab.layout import NODES, Layout, ProxyMode, on_fabric
from tests.lab.nodeinit import Spec
from tests.lab.pki import Authority


class NodeError(RuntimeError):
    """A node did not start, or a command in it failed; the text has what it said."""


@dataclass(frozen=True, slots=True)
class Node:
    """Node `number` (1, 2, …) of a lab; they are called n1, n2 and so on."""

    layout: Layout
    number: int

    @property
    def name(self) -> str:
        """The node's name in Kubernetes, and the role of its network namespace."""
        return f"n{self.number}"

    @property
    def addresses(self) -> tuple[IPv4Address, IPv6Address]:
        """The node's own addresses, on the fabric."""
        four, six = on_fabric(NODES[self.number - 1])
        return four.ip, six.ip

    @property
    def pid(self) -> int | None:
        """Process id of the node's init; None while the node is off."""
        try:
            pid = int(self._pidfile.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return pid if os.fsencode(self._spec) in command.split(b"\0") else None

    def configure(self, authority: Authority, programs: Path, seed: Path, proxy: ProxyMode, *, shutdown: bool) -> None:
        """Write all that the node needs to start, `seed` as its store of images, but make no process."""
        seeds.plant(seed, self.layout.store / self.name / "var/lib/containerd")
        etc = self._directory / "etc"
        nodeconfig.write(etc, self.name, self.number, self.addresses, authority, shutdown=shutdown)
        services = nodeconfig.services(self.name, self.addresses, proxy, shutdown=shutdown)
        self._spec.write_text(
            json.dumps(
                asdict(
                    Spec(
                        name=self.name,
                        store=str(self.layout.store / self.name),
                        config=str(etc),
                        programs=str(programs),
                        pidfile=str(self._pidfile),
                        services=services,
                        logs={name: str(self.layout.log(f"{self.name}-{name}")) for name in services},
                    )
                )
            )
        )

    def start(self) -> None:
        """Switch the node on and return when its init runs; kubelet starts the pods of before again."""
        self._pidfile.unlink(missing_ok=True)
        self._forget()
        group = cgroups.group(self.layout.name, self.name)
        group.create()
        flags = ["--mount", "--uts", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child", "--propagation=private"]
        init: list[str | Path] = [sys.executable, "-I", "-S", Path(__file__).with_name("nodeinit.py"), self._spec]
        argv = group.argv(self.layout.namespace(self.name).argv(["unshare", *flags, *init]))
        identity = self._directory / "unshare.pid"
        daemon.start(argv, identity=identity, log=self._log, lab=self.layout.name)

        def started() -> bool:
            if Identity.read(identity) is None:
                raise NodeError(f"node {self.name} ended at once; the end of {self._log}:\n{daemon.tail(self._log)}")
            return self.pid is not None

        wait.until(f"node {self.name} starts", started, seconds=30, every=0.01)
        if parent := Identity.read(identity):
            group.set_aside(parent.pid)

    def _forget(self) -> None:
        """Remove the connections and rules of before: a kernel loses them with the power, a network namespace does not.

        A connection that conntrack still leads to a pod of before has no answer; rules of before hide that kube-proxy
        has not written its own yet.
        """
        network = self.layout.namespace(self.name)
        # The rules go first: with them, a packet that comes now would make such a connection again.
        network.run(["nft", "flush", "ruleset"])
        network.run(["conntrack", "--flush"])

    def kill(self) -> None:
        """Take the node's power away: every process of it is gone when this returns, what was written stays."""
        if pid := self.pid:
            os.kill(pid, signal.SIGKILL)
        for group in cgroups.leftovers(self.layout.name, self.name):
            group.remove()
        wait.until(f"node {self.name} ends", lambda: self.pid is None, seconds=30, every=0.01)

    def restart(self) -> None:
        """Take the power away and give it back."""
        self.kill()
        self.start()

    def argv(self, argv: Sequence[str | Path]) -> list[str]:
        """Return the command that runs `argv` inside the node, as root."""
        if (pid := self.pid) is None:
            raise NodeError(f"node {self.name} is off; the end of {self._log}:\n{daemon.tail(self._log)}")
        return ["nsenter", f"--target={pid}", "--mount", "--uts", "--ipc", "--net", "--pid", "--", *map(str, argv)]

    def run(self, argv: Sequence[str | Path], **kw: Any) -> subprocess.CompletedProcess[str]:
        """Run a command inside the node to its end; NodeError with its words when it fails, unless `check=False`."""
        check = kw.pop("check", True)
        kw = {"capture_output": True, "stdin": subprocess.DEVNULL} | kw
        done = subprocess.run(self.argv(argv), check=False, text=True, **kw)
        if check and done.returncode:
            said = (done.stderr or done.stdout or "").strip()
            raise NodeError(f"in {self.name}: {' '.join(map(str, argv))}: exit {done.returncode}: {said}")
        return done

    def signal(self, service: str, number: signal.Signals) -> None:
        """Send a signal to `containerd`, `kubelet` or `kube-proxy`; init starts again what ends."""
        self.run(["sh", "-c", f"kill -{int(number)} $(cat /run/lab/{service}.pid)"])

    def load(self, archive: Path) -> None:
        """Put the images of an archive on the node; containerd must answer."""
        with archive.open("rb") as file:
            self.run(["ctr", "--namespace=k8s.io", "images", "import", "-"], stdin=file)

    def ask_without_tls(self, registry: str) -> None:
        """Have the node pull images of a registry (`host:port`) by HTTP without TLS."""
        directory, url = f"{nodeconfig.REGISTRIES}/{registry}", f"http://{registry}"
        text = f'server = "{url}"\n[host."{url}"]\n  capabilities = ["pull", "resolve"]\n'
        self.run(["mkdir", "--parents", directory])
        self.run(["sh", "-c", 'printf %s "$1" > "$2"', "sh", text, f"{directory}/hosts.toml"])

    def wait_containerd(self, seconds: float = 30) -> None:
        """Return when the node's containerd answers."""

        def answers() -> bool:
            return self.run(["ctr", "version"], check=False).returncode == 0

        wait.until(f"containerd of {self.name} answers", answers, seconds=seconds)

    @property
    def _log(self) -> Path:
        return self.layout.log(f"{self.name}-init")

    @property
    def _directory(self) -> Path:
        return self.layout.state / self.name

    @property
    def _pidfile(self) -> Path:
        return self._directory / "pid"

    @property
    def _spec(self) -> Path:
        return self._directory / "node.json"
