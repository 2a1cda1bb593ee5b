"""Somebody removes the rights of ExaLB's programs: what their logs, the API and `kubectl exalb explain` say of it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.chart import NAMESPACE, in_force, rendered
from tests.cluster.reader import exalb
from tests.lab import wait
from tests.lab.api import Json
from tests.lab.cluster import Lab
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Program, Programs
from tests.support.kubernetes.rights import account
from tests.support.kubernetes.world import OURS, World

ROLES = {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
PEER = {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1"}
LONG_AGO = "2026-01-05T09:00:00Z"


@pytest.fixture
def granted(world: World) -> Iterator[World]:
    """Return a world with the roles of the chart, and with all that a Service needs."""
    with in_force(world.cluster, ROLES):
        lease = ("delete", "lease", "exalb-controller", f"--namespace={NAMESPACE}", "--ignore-not-found")
        world.cluster.kubectl(*lease)
        world.node("n1", "203.0.113.11")
        world.pool("main", "198.51.100.8/30")
        world.custom("bgppeers", "BGPPeer", "tor", PEER)
        yield world


@pytest.fixture
def accounts(cluster: Lab, tmp_path: Path) -> Iterator[Programs]:
    """Return the starter of programs that have the rights of their users alone."""
    with Programs(cluster, tmp_path, groups=()).ended() as programs:
        yield programs


def binding(lab: Lab, program: str) -> Json:
    """Return the ClusterRoleBinding of a program."""
    [found] = [each for each in rendered(lab, {"ClusterRoleBinding"}) if each["metadata"]["name"] == f"exalb-{program}"]
    return found


def explained(kubeconfig: Path, subject: str, namespace: str) -> tuple[str, str, str]:
    """Return reason, message and next step of the first broken step of an answer."""
    _, text = exalb(kubeconfig, "explain", subject, f"-n={namespace}", "-o=json")
    answer = json.loads(text)
    if answer["firstBroken"] is None:
        return "", "", ""
    step = answer["steps"][answer["firstBroken"]]
    return step["reason"], step["message"], step["next"]


def wait_logged(program: Program, event: str, *words: str) -> None:
    """Wait until a line of the program's log has this event and these words."""

    def logged() -> bool:
        lines = [line for line in program.log.read_text().splitlines() if event in line]
        assert any(all(word in line for word in words) for line in lines), lines[-5:]
        return True

    wait.until(f"the log has {event} {words}", logged, seconds=40)


def wait_explained(kubeconfig: Path, subject: str, namespace: str, reason: str, *words: str) -> None:
    """Wait until the first broken step has this reason, and its next step these words."""

    def said() -> bool:
        found = explained(kubeconfig, subject, namespace)
        assert found[0] == reason, found
        assert all(word in found[2] for word in words), found
        return True

    wait.until(f"explain {subject} says {reason} {words}", said, seconds=40)


def test_controller_without_rights_says_so(granted: World, accounts: Programs, gate: Gate, kubeconfig: Path) -> None:
    """While it runs its writes are refused at once; one that starts lists nothing, and does not lead."""
    lab, user = granted.cluster, account("controller")
    controller = accounts.controller(user, gate.url, NAMESPACE)
    granted.service("before")
    granted.wait_address("before")
    lab.delete([binding(lab, "controller")])
    granted.service("web")
    wait_logged(controller, "status_refused", "cannot patch resource", "services/status", user)
    wait_explained(kubeconfig, "service/web", granted.namespace, "StatusOutdated", "status_refused", "ClusterRole")
    assert controller.metrics()['exalb_status_writes_total{kind="Service",outcome="refused"}'] >= 1
    controller.end()
    controller = accounts.controller(user, gate.url, NAMESPACE)
    wait_logged(controller, "watch_refused", "cannot list resource", "nodes", user)
    wait_logged(controller, "watch_refused", "cannot list resource", "ipaddresspools", user)
    wait_explained(kubeconfig, "service/web", granted.namespace, "NoLeader", "watch_refused", "ClusterRole")
    assert not controller.is_ready()
    code, text = exalb(kubeconfig, "status")
    assert (code, "NoLeader" in text) == (1, True), text
    lab.apply([binding(lab, "controller")])
    assert granted.wait_address("web", seconds=60)


def test_speaker_without_rights_says_so(granted: World, accounts: Programs, gate: Gate, kubeconfig: Path) -> None:
    """Its report is refused at once; the report gets old, and a speaker that starts lists nothing."""
    lab, user = granted.cluster, account("speaker")
    speaker = accounts.speaker(user, gate.url, NAMESPACE, "n1")
    report = f"{OURS}/bgpspeakers/n1"
    wait.until("the speaker reports", lambda: (granted.api.find(report) or {}).get("status", {}).get("heartbeat"))
    lab.delete([binding(lab, "speaker")])
    speaker.kill()
    granted.change(f"{report}/status", {"status": {"heartbeat": LONG_AGO}})
    speaker = accounts.speaker(user, gate.url, NAMESPACE, "n1")
    wait_logged(speaker, "watch_refused", "cannot list resource", "services", user)
    wait_logged(speaker, "watch_refused", "cannot list resource", "bgppeers", user)
    assert not speaker.is_ready()
    wait_explained(kubeconfig, "node/n1", "default", "SpeakerNotReporting", "watch_refused", "ClusterRole")
    lab.apply([binding(lab, "speaker")])
    wait.until(
        "the speaker reports again", lambda: granted.api.get(report)["status"]["heartbeat"] != LONG_AGO, seconds=60
    )
