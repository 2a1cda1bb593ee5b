"""A person who may only read: the kubeconfig, and commands of `kubectl exalb` with it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.chart import NAMESPACE, in_force
from tests.lab import wait
from tests.lab.cluster import Lab
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.world import World

EXALB = Path(sys.executable).with_name("kubectl-exalb")


@pytest.fixture
def reader(cluster: Lab, gate: Gate, world: World, tmp_path: Path) -> Iterator[Path]:  # noqa: ARG001 - one at a time
    """Return the kubeconfig of a person whose only right is the ClusterRole `view`."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "reader", "namespace": NAMESPACE}}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "test-reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": NAMESPACE}],
    }
    with in_force(cluster, {"ClusterRole"}):
        cluster.apply([account, binding])
        lease = ("delete", "lease", "exalb-controller", f"--namespace={NAMESPACE}", "--ignore-not-found")
        cluster.kubectl(*lease)  # a controller of another test, which was killed, would lead for a minute
        data = yaml.safe_load(cluster.layout.kubeconfig.read_text())
        data["clusters"][0]["cluster"]["server"] = gate.url
        token = cluster.kubectl("create", "token", "reader", f"--namespace={NAMESPACE}").strip()
        data["users"][0]["user"] = {"token": token}
        path = tmp_path / "reader"
        path.write_text(yaml.safe_dump(data))
        yield path
        cluster.delete([binding, account])


def exalb(kubeconfig: Path, *arguments: str) -> tuple[int, str]:
    """Run `exalb` as a process of its own; return its exit code and what it printed."""
    command = [str(EXALB), *arguments, f"--kubeconfig={kubeconfig}"]
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return done.returncode, done.stdout + done.stderr


def wait_aggregated(reader: Path) -> None:
    """Wait until the API server has made the reader's role a part of `view`."""
    wait.until("view has the rights of the reader", lambda: exalb(reader, "status")[0] != 2)
