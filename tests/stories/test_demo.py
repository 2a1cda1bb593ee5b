"""The demos for newcomers, as stories."""

import os
import subprocess
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from tests.lab import demo, gobuild, sweep, wait
from tests.lab.cluster import Lab
from tests.stories.made import BUILD_SECONDS, going_on, make
from tests.stories.story import Story
from tests.support.documented import commands, the_command
from tests.support.looking import Page

UP = the_command("README.md", "make lab")
WITHOUT_ROUTER = the_command("README.md", "make lab MODE=l2")
OLDER = the_command("CONTRIBUTING.md", "make lab KUBERNETES=.+")
RELOAD, SHELL, DOWN = commands("tests/lab/README.md", "make lab-(reload|shell|down)")
WEB = the_command("tests/lab/README.md", "make lab-web")

OWN: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "own", "namespace": "default"},
    "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
}


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
    """A lab of its own, twice demonstrated: the second command continues with it; another mode is refused.

    The other commands of the lab work in it, too.
    """
    lab = Lab(f"{nodes.name}d")
    try:
        shown = make(lab, WITHOUT_ROUTER)
        assert "the other node announces" in shown
        assert f"Lab {lab.name} is up. Look around" in shown
        assert "Look around" in make(lab, UP)
        assert "lab-down" in make(lab, f"{UP} MODE=bgp", status=2)
        assert "runs on every node" in make(lab, RELOAD)
        assert "\nnode/n2\n" in make(lab, SHELL, given="kubectl get nodes --output=name\n")
        with going_on(lab, WEB, r"the page of .+ is at http://127\.0\.0\.1:(\d+)(/[^;\s]*)") as (desk, found):
            page = Page(int(found[0]), found[1], desk)
            wait.until("the page shows the nodes", lambda: {"n1", "n2"} <= _nodes_of(page), seconds=60)
    finally:
        make(lab, DOWN)
    assert sweep.traces(lab.layout) == []


def _nodes_of(page: Page) -> set[str]:
    """Return the nodes of which a page shows the L2 or the sessions."""
    found = next(page.overviews())
    return {row["node"] for key in ("peers", "nodes") for row in found.get(key, ())}


@pytest.mark.release
@pytest.mark.timeout(BUILD_SECONDS + 300)
@pytest.mark.parametrize("version", [version for version in gobuild.VERSIONS if version != gobuild.NEWEST])
def test_main_job_works_on_an_older_version_of_kubernetes(apiserver: Lab, version: str) -> None:
    """A lab of its own, whose demonstration fails unless the client gets answers; the first run may have to build."""
    lab = Lab(f"{apiserver.name}k")
    try:
        assert f"Lab {lab.name} is up. Look around" in make(lab, _of_version(version))
        assert lab.kubernetes == version
        assert "lab-down" in make(lab, _of_version(gobuild.NEWEST), status=2)
    finally:
        lab.close()
        make(lab, DOWN)
    assert sweep.traces(lab.layout) == []


def _of_version(version: str) -> str:
    """Return the command of the pages for another version of Kubernetes, which is one that the lab can be made of."""
    name, _, written = OLDER.partition("=")
    assert written in gobuild.VERSIONS
    return f"{name}={version}"


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
