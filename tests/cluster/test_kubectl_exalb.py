"""`kubectl exalb` on a real API server, with the rights of a reader alone, started by kubectl as a user starts it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.chart import NAMESPACE, in_force, rendered
from tests.lab import wait
from tests.lab.cluster import Lab
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Programs
from tests.support.kubernetes.world import OURS, World

PEER = {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1"}


@pytest.fixture
def reader(cluster: Lab, gate: Gate, tmp_path: Path) -> Iterator[Path]:
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
    command = [str(Path(sys.executable).with_name("kubectl-exalb")), *arguments, f"--kubeconfig={kubeconfig}"]
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return done.returncode, done.stdout + done.stderr


def explained(kubeconfig: Path, subject: str, namespace: str) -> dict[str, object]:
    """Return the first broken step of an answer, or nothing."""
    code, text = exalb(kubeconfig, "explain", subject, f"-n={namespace}", "-o=json")
    answer = json.loads(text)
    assert code == (0 if answer["firstBroken"] is None else 1)
    found: dict[str, object] = {} if answer["firstBroken"] is None else answer["steps"][answer["firstBroken"]]
    return found


def wait_aggregated(reader: Path) -> None:
    """Wait until the API server has made the reader's role a part of `view`."""
    wait.until("view has the rights of the reader", lambda: exalb(reader, "status")[0] != 2)


def test_reader_follows_a_service_from_pending_to_the_missing_speaker(
    world: World, programs: Programs, gate: Gate, reader: Path
) -> None:
    wait_aggregated(reader)
    world.service("web")
    first = explained(reader, "service/web", world.namespace)
    assert (first["hop"], first["reason"]) == ("Address", "NoMatchingPool")
    program = programs.controller("one", gate.url, NAMESPACE)
    program.wait_leads()
    world.pool("main", "198.51.100.8/30")
    world.wait_address("web")
    first = explained(reader, "service/web", world.namespace)
    assert (first["hop"], first["reason"]) == ("Peers", "NoPeer")
    world.custom("bgppeers", "BGPPeer", "tor", PEER)
    world.node("n1", "203.0.113.11")
    world.endpoints("web", "10.88.1.2", node="n1")
    wait.until("the controller accepts the peer", lambda: world.api.get(f"{OURS}/bgppeers/tor").get("status"))
    first = explained(reader, "service/web", world.namespace)
    assert (first["hop"], first["reason"]) == ("Announcement", "SpeakerMissing")
    code, text = exalb(reader, "status")
    assert code == 1
    assert "SpeakerMissing" in text


def test_cluster_that_cannot_be_used_is_a_sentence_and_exit_code_2(reader: Path, gate: Gate) -> None:
    wait_aggregated(reader)
    gate.shut()
    code, text = exalb(reader, "status")
    assert code == 2
    assert "Traceback" not in text
    assert len(text.splitlines()) == 1


def test_settings_are_found_whatever_names_the_chart_gave(world: World, reader: Path) -> None:
    wait_aggregated(reader)
    values = ["fullnameOverride=balancer", "nameOverride=lb", "requireClass=true"]
    deployment = rendered(world.cluster, {"Deployment"}, values=values)
    world.cluster.apply(deployment)
    try:
        world.service("web")
        first = explained(reader, "service/web", world.namespace)
    finally:
        world.cluster.delete(deployment)
    assert (first["hop"], first["reason"]) == ("Service", "ClassNotOurs")


def test_drain_needs_the_right_to_patch_nodes(cluster: Lab, world: World, gate: Gate, reader: Path) -> None:
    """A reader may simulate; the administrator sets and removes the annotation; an unknown Node is a sentence."""
    wait_aggregated(reader)
    world.node("n1", "203.0.113.11")
    code, text = exalb(reader, "drain", "n1", "--simulate", "-o=json")
    assert (code, json.loads(text)["notCounted"]) == (0, [{"node": "n1", "why": "no speaker ever ran there"}])
    code, text = exalb(reader, "drain", "n1")
    assert (code, "right to patch nodes" in text, len(text.splitlines())) == (2, True, 1), text
    administrator = reader.with_name("administrator")
    data = yaml.safe_load(cluster.layout.kubeconfig.read_text())
    data["clusters"][0]["cluster"]["server"] = gate.url
    administrator.write_text(yaml.safe_dump(data))

    def annotations() -> dict[str, str]:
        found: dict[str, str] = world.api.get("/api/v1/nodes/n1")["metadata"].get("annotations", {})
        return found

    for options, value in (((), "true"), (("--force", "--wait"), "force"), (("--undo", "--wait"), None)):
        code, text = exalb(administrator, "drain", "n1", *options)
        assert (code, annotations().get("exalb.io/drain")) == (0, value), text
    code, text = exalb(administrator, "drain", "no-such-node")
    assert (code, "the cluster has no Node no-such-node" in text) == (2, True), text
