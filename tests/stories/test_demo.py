"""The demos for newcomers, as stories."""

import os
import subprocess
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from tests.lab import demo, gobuild, sweep, wait
from tests.lab.cluster import Lab
from tests.stories.story import Story
from tests.support.documents import Page
from tests.support.tree import ROOT

OWN: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "own", "namespace": "default"},
    "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
}
BUILD_SECONDS = 2400
"""To compile Kubernetes on a slow machine, and to show the demo."""


def test_demo_works_word_for_word(lab: Lab) -> None:
    """Two deployments exposed, asked from outside and deleted; the pool is for namespace `default` alone.

    The demo works despite the rest of an interrupted demo, and despite another Service with an address of the pool.
    """
    metadata = {**demo.POOL["metadata"], "annotations": {"exalb.io/allow-deletion": "true"}}
    spec = {**demo.POOL["spec"], "serviceAllocation": {"namespaces": ["default"]}}
    pool = {**demo.POOL, "metadata": metadata, "spec": spec}
    left = next(iter(demo.SERVICES))
    try:
        lab.kubectl("create", "deployment", left, f"--image={demo.SERVICES[left]}")
        lab.kubectl("expose", "deployment", left, "--type=LoadBalancer", "--port=80")
        lab.apply([pool, OWN])
        before = wait.until("the other Service has an address", lambda: address(lab))
        demo.run(lab, pool)
        assert address(lab) == before
    finally:
        for kind in ("service", "deployment"):
            lab.kubectl("delete", kind, *demo.SERVICES, "--ignore-not-found")
        lab.delete([pool, OWN])


def test_lab_has_the_client_commands(story: Story) -> None:
    """A person who looks around has the lab's commands in no PATH, or alone in it."""
    for command in ("kubectl exalb status", "exalb status"):
        words = f"{story.lab.layout.bin}/{command}".split()
        said = subprocess.run(words, env={"PATH": os.defpath}, check=False, capture_output=True, text=True)
        assert "\nSpeakers " in said.stdout, said


@pytest.mark.release
def test_demo_without_a_router_is_a_command_of_the_readme(nodes: Lab) -> None:
    """A lab of its own, twice demonstrated: the second command continues with it; another mode is refused."""
    lab = Lab(f"{nodes.name}d")
    [command] = {line for line in Page(ROOT / "README.md").code() if line.endswith("MODE=l2")}
    try:
        shown = _make(lab, command)
        assert "the other node announces" in shown
        assert f"Lab {lab.name} is up. Look around" in shown
        assert "Look around" in _make(lab, "make lab")
        assert "lab-down" in _make(lab, "make lab MODE=bgp", status=2)
    finally:
        _make(lab, "make lab-down")
    assert sweep.traces(lab.layout) == []


@pytest.mark.release
@pytest.mark.timeout(BUILD_SECONDS + 300)
@pytest.mark.parametrize("version", [version for version in gobuild.VERSIONS if version != gobuild.NEWEST])
def test_main_job_works_on_an_older_version_of_kubernetes(apiserver: Lab, version: str) -> None:
    """A lab of its own, whose demonstration fails unless the client gets answers; the first run may have to build."""
    lab = Lab(f"{apiserver.name}k")
    try:
        assert f"Lab {lab.name} is up. Look around" in _make(lab, f"make lab KUBERNETES={version}")
        assert lab.kubernetes == version
        assert "lab-down" in _make(lab, f"make lab KUBERNETES={gobuild.NEWEST}", status=2)
    finally:
        lab.close()
        _make(lab, "make lab-down")
    assert sweep.traces(lab.layout) == []


def _make(lab: Lab, command: str, status: int = 0) -> str:
    """Run a command of the README in a lab of this name; return its output."""
    words = [*command.split(), f"EXALB_LAB={lab.name}"]
    done = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True, timeout=BUILD_SECONDS)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def address(lab: Lab) -> str:
    """Return the address of the other Service, or an empty text."""
    return lab.kubectl("get", "service", OWN["metadata"]["name"], f"--output=jsonpath={demo.FIRST_ADDRESS}")


def test_dual_stack_service_has_route_of_each_family_from_every_node(story: Story) -> None:
    """Both addresses come from the story's pool, and each is announced on the session of its family."""
    story.deploy("web")
    story.lab.apply(story.service("web", ipFamilyPolicy="RequireDualStack"))
    four, six = sorted(map(ip_address, story.wait_addresses("web", 2)), key=lambda address: address.version)
    assert four in story.pool4
    assert six in story.pool6
    senders = list(zip(*(node.addresses for node in story.lab.nodes), strict=True))
    story.wait_routes({ip_network(four): frozenset(senders[0]), ip_network(six): frozenset(senders[1])})
    story.kubectl("delete", "service", "web")
    story.wait_routes({})
