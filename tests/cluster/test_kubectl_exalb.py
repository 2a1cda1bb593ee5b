"""`kubectl exalb` on a real API server, with the rights of a reader alone, started by kubectl as a user starts it."""

import json
from pathlib import Path

import yaml

from tests.cluster.chart import NAMESPACE, rendered
from tests.cluster.reader import exalb, reader, wait_aggregated
from tests.lab import wait
from tests.lab.cluster import Lab
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Programs
from tests.support.kubernetes.world import OURS, World

__all__ = ["reader"]
PEER = {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1"}


def explained(kubeconfig: Path, subject: str, namespace: str) -> dict[str, object]:
    """Return the first broken step of an answer, or nothing."""
    code, text = exalb(kubeconfig, "explain", subject, f"-n={namespace}", "-o=json")
    answer = json.loads(text)
    assert code == (0 if answer["firstBroken"] is None else 1)
    found: dict[str, object] = {} if answer["firstBroken"] is None else answer["steps"][answer["firstBroken"]]
    return found


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
