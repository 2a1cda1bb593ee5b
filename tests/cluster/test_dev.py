"""`make dev` without root, on a real API server: an address, a route, and no start where an ExaLB runs already."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.chart import NAMESPACE
from tests.lab import fabric, wait
from tests.support import objects
from tests.support.documented import commands, the_command
from tests.support.kubernetes.shell import must
from tests.support.kubernetes.world import World
from tests.support.tree import ROOT

NOBODY = 65534
EXAMPLE = ROOT / "tests" / "dev" / "example.yaml"
ONLY_READING = (
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"),
    *(f"--{kind}=-all,+dac_read_search" for kind in ("bounding-set", "inh-caps", "ambient-caps")),
)
"""Runs a command as an unprivileged user that may read every file, also a checkout and a Python in the home of root."""


RECIPE = commands("CONTRIBUTING.md", "kubectl apply .+")
MAKE = the_command("CONTRIBUTING.md", "make dev NODE=.+")


@pytest.fixture
def example(world: World) -> Iterator[World]:
    """Return a world with a node and the objects of the recipe, whose commands make them."""
    world.node(MAKE.partition("NODE=")[2], "10.0.0.1")
    for line in RECIPE:
        must(world.cluster, line, ROOT)
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
    command = dev(kubeconfig, example.namespace)
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
        (MAKE.partition("NODE=")[2], "dev", f"{address}/32")
    ]
    assert "holds the Lease" in busy


def test_recipe_announces_a_route_until_it_is_interrupted(example: World, tmp_path: Path) -> None:
    """In the network of the control plane, where the ports are free and the kubeconfig is that of the administrator."""
    lab, log = example.cluster, tmp_path / "log"
    lab.apply([objects.namespace(NAMESPACE)])
    lab.kubectl("delete", "lease", "exalb-controller", f"--namespace={NAMESPACE}", "--ignore-not-found")
    network = lab.layout.namespace(fabric.CONTROL_PLANE)
    with log.open("w") as output:
        process = network.popen(
            [*ONLY_READING, *MAKE.split()],
            cwd=ROOT,
            env=dict(lab.environment()),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait.until("a route is announced", lambda: _said(process, log, "route_announced"), seconds=60)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)
    assert "Traceback" not in log.read_text()


def test_cluster_that_is_not_prepared_is_refused(kubeconfig: Path) -> None:
    assert "kubectl create namespace not-there" in run_to_its_end(dev(kubeconfig, "not-there"))


def _lines(process: subprocess.Popen[bytes], log: Path, event: str) -> list[str]:
    """Return the lines of the log of JSON about an event."""
    return [line for line in _said(process, log, event) if f'"event": "{event}"' in line]


def _said(process: subprocess.Popen[bytes], log: Path, event: str) -> list[str]:
    """Return the lines of a log with this word; fails where the process has ended."""
    if process.poll() is not None:
        pytest.fail(log.read_text())
    return [line for line in log.read_text().splitlines() if event in line]
