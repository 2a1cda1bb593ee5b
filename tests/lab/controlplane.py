"""The control plane: etcd, kube-apiserver, kube-controller-manager and kube-scheduler in one network namespace."""

import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab import api, daemon, layout, wait
from tests.lab.audit import AuditLog
from tests.lab.daemon import Identity
from tests.lab.layout import Layout
from tests.lab.network import Namespace
from tests.lab.nodeconfig import API_PORT, api_url
from tests.lab.pki import Authority

ROLE = "cp"
FIRST, SECOND = ("etcd", "kube-apiserver"), ("kube-controller-manager", "kube-scheduler")
_ETCD, _ETCD_PEER = "http://127.0.0.1:2379", "http://127.0.0.1:2380"


class ControlPlaneError(RuntimeError):
    """A program of the control plane ended; the text has the end of its log."""


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """The control plane of a lab; `programs` is the directory of Kubernetes' programs."""

    layout: Layout
    programs: Path

    @property
    def namespace(self) -> Namespace:
        """The network namespace of all its processes."""
        return self.layout.namespace(ROLE)

    @property
    def audit(self) -> AuditLog:
        """The log of the writes to the API server, with their users."""
        return AuditLog(self.layout.state)

    @property
    def _pki(self) -> Path:
        return self.layout.state / "pki"

    def configure(self) -> Authority:
        """Make the authority, the certificates, the kubeconfig files and the audit log's policy."""
        self.audit.configure()
        authority = Authority.create(self._pki)
        address = layout.on_fabric(layout.CONTROL_PLANE)[0].ip
        services = [layout.first(network) for network in (layout.SERVICES4, layout.SERVICES6)]
        names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"]
        authority.issue("apiserver", "kube-apiserver", hosts=names, addresses=[address, *services])
        authority.issue("apiserver-kubelet", "apiserver-kubelet", ["system:masters"])
        authority.signing_key("service-accounts")
        admin = authority.issue("admin", "admin", ["system:masters"])
        authority.kubeconfig(self.layout.kubeconfig, api_url(), admin)
        for program in ("kube-controller-manager", "kube-scheduler"):
            user = authority.issue(program, f"system:{program}")
            authority.kubeconfig(self._kubeconfig(program), api_url(), user)
        return authority

    def start(self, program: str) -> None:
        """Start one of the four programs; it runs on when we end."""
        argv = self.namespace.argv([self.programs / program, *self._arguments(program)])
        daemon.start(argv, identity=self._identity(program), log=self.layout.log(program), lab=self.layout.name)

    def begin(self) -> None:
        """Start etcd and the API server; the latter waits for the former by itself."""
        for program in FIRST:
            self.start(program)

    def wait_ready(self, seconds: float = 120) -> None:
        """Return when the API server calls itself ready and the programs that need it are started.

        Those end when the server does not answer within ten seconds, so they come after it. ControlPlaneError when
        the server or etcd ended instead.
        """
        client = api.Client.of(self.layout)

        def ready() -> bool:
            for program in FIRST:
                if Identity.read(self._identity(program)) is None:
                    log = self.layout.log(program)
                    raise ControlPlaneError(f"{program} ended; the end of {log}:\n{daemon.tail(log)}")
            return client.is_ready()

        with contextlib.closing(client):
            wait.until("the API server is ready", ready, seconds=seconds)
        for program in SECOND:
            if Identity.read(self._identity(program)) is None:
                self.start(program)

    def stop(self, program: str) -> None:
        """Kill one program and return when it is gone."""
        identity = self._identity(program)
        if running := Identity.read(identity):
            os.kill(running.pid, signal.SIGKILL)
        wait.until(f"{program} ends", lambda: Identity.read(identity) is None, seconds=30, every=0.01)

    def _identity(self, program: str) -> Path:
        return self.layout.state / f"{program}.pid"

    def _kubeconfig(self, program: str) -> Path:
        return self.layout.state / f"{program}.conf"

    def _arguments(self, program: str) -> Sequence[str]:
        match program:
            case "etcd":
                return self._etcd()
            case "kube-apiserver":
                return self._apiserver()
            case "kube-controller-manager":
                return [
                    f"--kubeconfig={self._kubeconfig(program)}",
                    f"--service-account-private-key-file={self._pki}/service-accounts.key",
                    f"--root-ca-file={self._pki}/ca.crt",
                    f"--cert-dir={self.layout.state}/kube-controller-manager",
                    "--use-service-account-credentials",
                    "--leader-elect=false",
                    "--secure-port=0",
                    "--controllers=*,-node-ipam-controller",
                ]
            case "kube-scheduler":
                return [f"--kubeconfig={self._kubeconfig(program)}", "--leader-elect=false", "--secure-port=0"]
        raise ValueError(f"no program of the control plane: {program}")

    def _etcd(self) -> Sequence[str]:
        return [
            f"--data-dir={self.layout.store}/etcd",
            f"--listen-client-urls={_ETCD}",
            f"--advertise-client-urls={_ETCD}",
            f"--listen-peer-urls={_ETCD_PEER}",
            f"--initial-advertise-peer-urls={_ETCD_PEER}",
            f"--initial-cluster=default={_ETCD_PEER}",
            "--unsafe-no-fsync",
            "--log-level=error",
        ]

    def _apiserver(self) -> Sequence[str]:
        address, pki = layout.on_fabric(layout.CONTROL_PLANE)[0].ip, self._pki
        return [
            f"--etcd-servers={_ETCD}",
            f"--bind-address={address}",
            f"--advertise-address={address}",
            f"--secure-port={API_PORT}",
            f"--tls-cert-file={pki}/apiserver.crt",
            f"--tls-private-key-file={pki}/apiserver.key",
            f"--client-ca-file={pki}/ca.crt",
            f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
            f"--kubelet-client-key={pki}/apiserver-kubelet.key",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={pki}/service-accounts.key",
            f"--service-account-signing-key-file={pki}/service-accounts.key",
            f"--service-cluster-ip-range={layout.SERVICES4},{layout.SERVICES6}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            *self.audit.options,
            "--allow-privileged",
        ]
