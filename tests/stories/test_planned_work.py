"""Work on a cluster that must cost nothing: pods deleted, programs restarted, a node rebooted, a leader gone."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address, ip_network

import pytest

from exalb.programs.controller import LEASE_NAME
from exalb_bgp.rib import Address
from tests.lab import exalb, wait
from tests.lab.cluster import is_true
from tests.lab.node import Node
from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT, asking, pods_on, wait_rules
from tests.support import processes
from tests.support.kernel import KernelRoutes
from tests.support.note import Note

RATE = 100.0
HERE = f"--namespace={exalb.NAMESPACE}"
PODS = f"/api/v1/namespaces/{exalb.NAMESPACE}/pods"
DRAIN = "exalb.io/drain"
CONTROLLER = "app.kubernetes.io/component=controller"


@pytest.fixture
def served(story: Story) -> IPv4Address:
    """Return the address of a Service with policy Local and a pod on each node, announced by both."""
    for node in story.lab.nodes:
        pods_on(story, node.name, 1)
    story.lab.apply(story.service("web", externalTrafficPolicy="Local"))
    [text] = story.wait_addresses("web", seconds=TIMEOUT)
    wait_rules(story, IPv4Address(text))
    _wait_announced(story, IPv4Address(text), *story.lab.nodes)
    return IPv4Address(text)


def _wait_announced(story: Story, address: IPv4Address, *nodes: Node) -> None:
    """Return when the router's kernel forwards to the address by exactly these nodes."""
    wanted: frozenset[Address] = frozenset(node.addresses[0] for node in nodes)

    def reached() -> bool:
        found = story.router.kernel_routes().get(ip_network(address))
        assert found == wanted, found
        return True

    story.wait(f"the router forwards to {sorted(map(str, wanted))}", reached, TIMEOUT)


@pytest.mark.release
@pytest.mark.timeout(900)
def test_planned_work_loses_no_request(story: Story, served: IPv4Address, note: Note) -> None:
    """The node is drained before its reboot; all else happens without a word to ExaLB."""
    first = story.lab.nodes[0]
    with KernelRoutes(story.network) as kernel, asking(story, served, RATE) as answers:
        _delete_controllers(story)
        _delete_speaker(story, first)
        _restart_programs(story, first)
        _wait_announced(story, served, *story.lab.nodes)
        _reboot_drained(story, first, served)
        _wait_announced(story, served, *story.lab.nodes)
    answers.note(note, "requests through the planned work on a node")
    moves = [change.time for change in kernel.changes if change.prefix == ip_network(served)]
    assert answers.lost(moves) == [], moves
    assert len(moves) >= 2, "the drained node left and came back"
    assert answers.total > RATE


def _delete_controllers(story: Story) -> None:
    story.lab.kubectl("delete", "pods", HERE, f"--selector={CONTROLLER}")
    story.lab.kubectl("rollout", "status", exalb.WORKLOADS[0], HERE, f"--timeout={TIMEOUT:g}s")


def _delete_speaker(story: Story, node: Node) -> None:
    """Delete the speaker's pod, and with it the container that has the node's sessions."""
    before = story.router.peerings()[node.addresses[0]].connections
    which = (f"--selector={exalb.SPEAKER}", f"--field-selector=spec.nodeName={node.name}")
    story.lab.kubectl("delete", "pods", HERE, *which)

    def back() -> bool:
        found = story.router.peerings()[node.addresses[0]]
        return found.established and found.connections > before

    story.wait("the node has a new session", back, TIMEOUT)


def _restart_programs(story: Story, node: Node) -> None:
    """Kill containerd, kubelet and kube-proxy, one after the other; the node's init starts each again."""
    for program in ("containerd", "kubelet", "kube-proxy"):
        before = _pid(node, program)
        node.signal(program, signal.SIGKILL)
        story.wait(f"{program} runs again", partial(_is_new, node, program, before), TIMEOUT)
    node.wait_containerd(TIMEOUT)


def _is_new(node: Node, program: str, before: str) -> bool:
    return _pid(node, program) not in ("", before)


def _pid(node: Node, program: str) -> str:
    return node.run(["cat", f"/run/lab/{program}.pid"], check=False).stdout.strip()


def _reboot_drained(story: Story, node: Node, served: IPv4Address) -> None:
    story.lab.kubectl("annotate", "node", node.name, f"{DRAIN}=true")
    try:
        _wait_announced(story, served, *(other for other in story.lab.nodes if other != node))
        _wait_drained(story, node)
        before = _restarts(story, node)
        node.restart()
        story.wait("kubelet has started the pods again", lambda: _restarts(story, node) > before, TIMEOUT)
        story.lab.wait_nodes(TIMEOUT)
        story.wait("all pods are ready", lambda: _are_ready(story), TIMEOUT)
    finally:
        story.lab.kubectl("annotate", "node", node.name, f"{DRAIN}-")


def _wait_drained(story: Story, node: Node) -> None:
    def drained() -> bool:
        status = story.lab.api.get(f"/apis/exalb.io/v1beta1/bgpspeakers/{node.name}")["status"]
        return bool(status.get("drain", {}).get("state") == "Withdrawn")

    story.wait(f"{node.name} is drained", drained, TIMEOUT)


def _restarts(story: Story, node: Node) -> int:
    """Count the restarts of the containers of the node's speaker, as kubelet reports them."""
    [pod] = story.lab.api.items(PODS, labelSelector=exalb.SPEAKER, fieldSelector=f"spec.nodeName={node.name}")
    return sum(status["restartCount"] for status in pod["status"].get("containerStatuses", []))


def _are_ready(story: Story) -> bool:
    pods = story.lab.api.items(PODS) + story.lab.api.items(f"/api/v1/namespaces/{story.name}/pods")
    late = [
        pod["metadata"]["name"] for pod in pods if not (is_true(pod, "Ready") or pod["status"]["phase"] == "Succeeded")
    ]
    assert not late, late
    return True


@pytest.mark.release
def test_next_controller_assigns_addresses(story: Story, note: Note) -> None:
    """After an orderly end, and after kill -9. The report says after how many seconds a new Service has its address."""
    pods = story.lab.api.items(PODS, labelSelector=CONTROLLER)
    assert len({pod["spec"]["nodeName"] for pod in pods}) == 2, "controllers are on different nodes"
    for number, end in enumerate((_delete_leader, _kill_leader)):
        seconds = _seconds_to_an_address(story, f"late-{number}", end)
        note(f"fail-over{end.__name__.replace('_', ' ')}", f"{seconds:.1f} s to the next address")
    assert len(set(story.addresses("late-0") + story.addresses("late-1"))) == 2


def _seconds_to_an_address(story: Story, name: str, end: Callable[[Story, str], None]) -> float:
    leader = wait.until("a controller leads", lambda: _leader(story), seconds=TIMEOUT)
    begun = time.monotonic()
    end(story, leader)
    story.lab.api.request("POST", f"/api/v1/namespaces/{story.name}/services", story.service(name))
    story.wait_addresses(name, seconds=TIMEOUT)
    seconds = time.monotonic() - begun
    story.wait("the new leader is another", lambda: _leader(story) not in ("", leader), TIMEOUT)
    story.wait("the other controller is back", lambda: len(_ready_controllers(story)) == 2, TIMEOUT)
    return seconds


def _leader(story: Story) -> str:
    """Return the identity in the Lease if its pod runs."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{exalb.NAMESPACE}/leases/{LEASE_NAME}"
    holder = str((story.lab.api.get(path).get("spec") or {}).get("holderIdentity") or "")
    return holder if holder.rpartition("_")[0] in _ready_controllers(story) else ""


def _ready_controllers(story: Story) -> dict[str, str]:
    """Return the pods of controllers that are ready, with their nodes."""
    pods = story.lab.api.items(PODS, labelSelector=CONTROLLER)
    staying = [pod for pod in pods if is_true(pod, "Ready") and "deletionTimestamp" not in pod["metadata"]]
    return {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in staying}


def _delete_leader(story: Story, leader: str) -> None:
    story.lab.api.request("DELETE", f"{PODS}/{leader.rpartition('_')[0]}")


def _kill_leader(story: Story, leader: str) -> None:
    node = _ready_controllers(story)[leader.rpartition("_")[0]]
    [pid] = (each.pid for each in processes.of(story.lab) if (each.role, each.node) == ("controller", node))
    os.kill(pid, signal.SIGKILL)
