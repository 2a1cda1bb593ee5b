"""`make dev` without root, on a real API server: an address, a route, and no start where an ExaLB runs already."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import wait
from tests.support.kubernetes.world import World
from tests.support.tree import ROOT

NOBODY = 65534
EXAMPLE = ROOT / "tests" / "dev" / "example.yaml"
ONLY_READING = (
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"),
    *(f"--{kind}=-all,+dac_read_search" for kind in ("bounding-set", "inh-caps", "ambient-caps")),
)
"""Runs a command as an unprivileged user that may read every file, also a checkout and a Python in the home of root."""


@pytest.fixture
def example(world: World) -> Iterator[World]:
    """Return a world with a node and the objects of the recipe."""
    world.node("dev-node", "10.0.0.1")
    world.cluster.kubectl("apply", f"--filename={EXAMPLE}")
    yield world
    world.cluster.kubectl("delete", f"--filename={EXAMPLE}")


def dev(kubeconfig: Path, namespace: str, *arguments: str) -> list[str]:
    """Return the command line of `make dev` for an ExaLB in `namespace`."""
    listen = ["--listen=127.0.0.1:0", "--speaker-listen=127.0.0.1:0", "--log-format=json"]
    target = [f"--kubeconfig={kubeconfig}", f"--namespace={namespace}"]
    return [*ONLY_READING, sys.executable, "-m", "tests.dev", *target, *listen, *arguments]


def run_to_its_end(command: list[str]) -> str:
    """Run a command that must fail; return its log."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    return done.stderr


def test_address_and_route_without_root(example: World, kubeconfig: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = dev(kubeconfig, example.namespace, "--node-name=dev-node")
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    try:
        lines = wait.until("a route is announced", lambda: _lines(process, log, "route_announced"), seconds=60)
        uid = Path(f"/proc/{process.pid}").stat().st_uid
        service = example.api.get("/api/v1/namespaces/default/services/exalb-dev")
        busy = run_to_its_end(dev(kubeconfig, example.namespace))
    finally:
        process.terminate()
        assert process.wait(30) == 0, log.read_text()
    (address,) = [entry["ip"] for entry in service["status"]["loadBalancer"]["ingress"]]
    assert uid == NOBODY
    announced = [json.loads(line) for line in lines]
    assert [(event["node"], event["peer"], event["prefix"]) for event in announced] == [
        ("dev-node", "dev", f"{address}/32")
    ]
    assert "holds the Lease" in busy


def test_cluster_that_is_not_prepared_is_refused(kubeconfig: Path) -> None:
    assert "kubectl create namespace not-there" in run_to_its_end(dev(kubeconfig, "not-there"))


def _lines(process: subprocess.Popen[bytes], log: Path, event: str) -> list[str]:
    """Return the lines of the log about an event; fails where the process has ended."""
    if process.poll() is not None:
        pytest.fail(log.read_text())
    return [line for line in log.read_text().splitlines() if f'"event": "{event}"' in line]
