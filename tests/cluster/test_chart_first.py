"""The first pool and peer of an installation: created once by the Job of the chart, and never touched again."""

import json
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, STDOUT

import pytest
import yaml

from tests.cluster.chart import CHART, IMAGE, NAMESPACE
from tests.lab import wait
from tests.lab.api import Json
from tests.lab.cluster import CommandError, Lab
from tests.support.kubernetes.fixtures import delete_crds

VALUES = (
    *("--set=first.addresses={198.51.100.0/24}", "--set=first.peerAddress=203.0.113.1"),
    *("--set=first.myASN=64512", "--set=first.peerASN=64513", IMAGE),
)
OURS = "/apis/exalb.io/v1beta1"
POOL, PEER = f"{OURS}/ipaddresspools/main", f"{OURS}/bgppeers/router"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"


class JobRunner:
    """Runs the pods of the Job in place of a kubelet: their program as a process, with the rights of their account."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self._lab, self._directory = lab, directory
        self.logs: list[str] = []

    def helm(self, verb: str, *arguments: str | Path) -> str:
        """Run Helm, and the pods that it waits for; CommandError as with `Lab.helm`."""
        with ThreadPoolExecutor(1) as pool:
            command = [verb, *map(str, arguments), f"--namespace={NAMESPACE}", "--timeout=60s"]
            running = pool.submit(self._lab.helm, *command)
            wait.until("Helm ends", lambda: self._run_pods(running), seconds=90)
            return running.result()

    def apply(self, *values: str) -> str:
        """Do `helm template | kubectl apply`, and run the pods of the Job that comes with it."""
        rendered = self._lab.helm("template", "exalb", str(CHART), f"--namespace={NAMESPACE}", *values)
        applied = self._lab.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", given=rendered)
        name = next(raw["metadata"]["name"] for raw in yaml.safe_load_all(rendered) if raw and raw["kind"] == "Job")
        done = Future[str]()

        def complete() -> bool:
            status = self._lab.api.get(f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs/{name}").get("status", {})
            return self._run_pods(done) or bool(status.get("succeeded"))

        wait.until(f"Job {name} is complete", complete, seconds=60)
        return applied

    def _run_pods(self, command: "Future[str]") -> bool:
        for pod in self._lab.api.items(PODS, labelSelector="app.kubernetes.io/component=first"):
            if pod["status"].get("phase") == "Pending":
                self._run(pod)
        return command.done()

    def _run(self, pod: Json) -> None:
        config = yaml.safe_load(self._lab.layout.kubeconfig.read_text())
        token = self._lab.kubectl("create", "token", pod["spec"]["serviceAccountName"], f"--namespace={NAMESPACE}")
        config["users"][0]["user"] = {"token": token.strip()}
        kubeconfig = self._directory / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(config))
        (container,) = pod["spec"]["containers"]
        environment = {entry["name"]: entry.get("value", NAMESPACE) for entry in container["env"]}
        done = self._lab.control_plane.namespace.run(
            [sys.executable, "-m", "exalb", *container["args"], f"--kubeconfig={kubeconfig}", "--timeout=20"],
            check=False,
            env=environment,
            stdout=PIPE,
            stderr=STDOUT,
        )
        self.logs.append(done.stdout)
        status = {"phase": "Failed" if done.returncode else "Succeeded"}
        path = f"{PODS}/{pod['metadata']['name']}/status"
        self._lab.api.request("PATCH", path, {"status": status}, kind="application/merge-patch+json")


@pytest.fixture
def runner(release: Lab, tmp_path: Path) -> Iterator[JobRunner]:
    """Return a runner in a cluster without the definitions of ExaLB; the release and its objects go at the end."""
    with cleared(release):
        yield JobRunner(release, tmp_path)


@contextmanager
def cleared(lab: Lab) -> Iterator[None]:
    """Have no definitions before, and no release and no namespace after."""
    delete_crds(lab)
    try:
        yield
    finally:
        lab.helm("uninstall", "exalb", f"--namespace={NAMESPACE}", "--ignore-not-found")
        delete_crds(lab)
        rendered = lab.helm("template", "exalb", str(CHART), f"--namespace={NAMESPACE}", *VALUES)
        lab.delete(rendered)
        lab.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")


def test_first_pool_and_peer_outlive_upgrade_rollback_and_reinstall(release: Lab, runner: JobRunner) -> None:
    runner.helm("install", "exalb", CHART, *VALUES, "--create-namespace")
    pool, peer = release.api.get(POOL), release.api.get(PEER)
    assert pool["spec"]["addresses"] == ["198.51.100.0/24"]
    assert peer["spec"].items() >= {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1"}.items()
    assert not release.api.find("/apis/rbac.authorization.k8s.io/v1/clusterroles/exalb-first")
    release.kubectl("patch", "exapool", "main", "--type=merge", '--patch={"spec":{"addresses":["192.0.2.0/24"]}}')
    runner.helm("upgrade", "exalb", CHART, "--reuse-values", "--set=first.addresses={203.0.113.128/25}")
    runner.helm("upgrade", "exalb", CHART, *VALUES, "--set=image.tag=second")
    runner.helm("rollback", "exalb", "1")
    runner.apply(*VALUES, "--set=image.tag=third")
    after = release.api.get(POOL)
    assert (after["metadata"]["uid"], after["spec"]["addresses"]) == (pool["metadata"]["uid"], ["192.0.2.0/24"])
    assert release.api.get(PEER)["metadata"]["uid"] == peer["metadata"]["uid"]
    runner.helm("uninstall", "exalb")
    assert release.api.get(POOL)["metadata"]["uid"] == pool["metadata"]["uid"]


def test_first_deleted_pool_is_not_created_again(release: Lab, runner: JobRunner) -> None:
    runner.helm("install", "exalb", CHART, *VALUES, "--create-namespace")
    release.kubectl("delete", "exapool,exapeer", "--all")
    runner.helm("upgrade", "exalb", CHART, "--reuse-values")
    runner.apply(*VALUES, "--set=image.tag=third")
    runner.helm("uninstall", "exalb")
    runner.helm("install", "exalb", CHART, *VALUES)
    assert len(runner.logs) == 4
    assert all("first_done_before" in log for log in runner.logs[1:])
    assert not release.api.items(f"{OURS}/ipaddresspools") + release.api.items(f"{OURS}/bgppeers")


@pytest.mark.release
def test_first_is_created_again_after_the_definitions_were_deleted(release: Lab, runner: JobRunner) -> None:
    runner.helm("install", "exalb", CHART, *VALUES, "--create-namespace")
    runner.helm("uninstall", "exalb")
    delete_crds(release)
    runner.helm("install", "exalb", CHART, *VALUES)
    assert release.api.get(POOL)["spec"]["addresses"] == ["198.51.100.0/24"]


def test_first_leaves_pools_of_people_alone(release: Lab, runner: JobRunner) -> None:
    runner.helm("install", "exalb", CHART, IMAGE, "--create-namespace")
    assert not runner.logs
    own = {"addresses": ["192.0.2.0/24"]}
    release.apply({"apiVersion": "exalb.io/v1beta1", "kind": "IPAddressPool", "metadata": {"name": "own"}, "spec": own})
    runner.helm("upgrade", "exalb", CHART, *VALUES)
    assert [item["metadata"]["name"] for item in release.api.items(f"{OURS}/ipaddresspools")] == ["own"]
    assert "IPAddressPool own" in runner.logs[-1]


def test_first_refusal_fails_the_installation_and_an_upgrade_corrects_it(release: Lab, runner: JobRunner) -> None:
    address = json.loads(release.kubectl("get", "servicecidrs", "kubernetes", "--output=json"))["spec"]["cidrs"][0]
    with pytest.raises(CommandError, match=r"exalb-first"):
        runner.helm("install", "exalb", CHART, *VALUES, f"--set=first.addresses={{{address}}}", "--create-namespace")
    assert "first.addresses: contains" in runner.logs[-1]
    assert not release.api.items(f"{OURS}/ipaddresspools") + release.api.items(f"{OURS}/bgppeers")
    runner.helm("upgrade", "--install", "exalb", CHART, *VALUES)
    assert release.api.get(POOL)["spec"]["addresses"] == ["198.51.100.0/24"]
