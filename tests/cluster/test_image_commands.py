"""The second entry of the image, for people: its commands that need no cluster, with manifests on standard input."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.containers import IMAGE, Docker
from tests.support.documented import the_command
from tests.support.kubernetes.world import World
from tests.support.metallb import metallb_advertisement, metallb_peer, metallb_pool
from tests.support.tree import ROOT

LINE = the_command("docs/operations.md", r".+ \| docker run .+ plan -f -")
RUN = shlex.split(LINE.partition("|")[2].partition("REGISTRY/")[0])[1:]
"""The words of the page from `run` up to the image."""
LOOK = """
import json, os, pathlib
def refused(path):
    try:
        pathlib.Path(path, "new").write_text("")
    except OSError as error:
        return error.strerror
print(json.dumps({
    "user": [os.getuid(), os.getgid(), os.getgroups()],
    "capabilities": [line.split()[1] for line in open("/proc/self/status") if line.startswith("CapEff")],
    "writes": [refused(path) for path in ("/", "/etc", "/opt/exalb")],
    "links": os.listdir("/sys/class/net"),
    "tokens": os.path.exists("/var/run/secrets"),
}))
"""


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Docker:
    """Return a `docker` that has the image of this checkout."""
    return Docker(tmp_path_factory.mktemp("docker"))


def typed(world: World, docker: Docker, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script as in a shell with the lab's kubectl, our `exalb`, and `docker`."""
    path = f"{docker.folder}:{world.cluster.layout.bin}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, **docker.environment, "PATH": path}
    argv = ["bash", "-o", "pipefail", "-c", script.replace("REGISTRY/exalb:0.1.0", IMAGE)]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_image_makes_the_plan_of_a_cluster_as_the_page_says(world: World, docker: Docker) -> None:
    """Word for word the line of the page; its plan is that of the same program on the workstation."""
    world.node("n1", "203.0.113.11")
    world.pool("main", "198.51.100.0/24")
    world.custom("bgppeers", "BGPPeer", "tor", {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1"})
    world.service("web")
    world.endpoints("web", "10.1.0.1", node="n1")
    kinds = the_command("docs/operations.md", "kinds=.+")
    here = the_command("docs/operations.md", r"kubectl get \$kinds .*\| exalb plan -f -")
    world.cluster.kubectl(
        "get", "bgppeers.exalb.io"
    )  # kubectl looks which kinds there are: it may know those of before
    inside, outside = (typed(world, docker, f"{kinds}\n{line}") for line in (LINE, here))
    assert inside.returncode in {0, 1}, inside.stderr
    assert re.search(rf"^{world.namespace}/web +198\.51\.100\.\d+ ", inside.stdout, re.MULTILINE), inside.stdout
    assert "node n1 (AS64512) → tor 203.0.113.1 (AS64513)" in inside.stdout
    assert (inside.stdout, inside.returncode) == (outside.stdout, outside.returncode)


def test_image_migrates_without_a_cluster(docker: Docker) -> None:
    given = yaml.safe_dump_all([metallb_pool("main"), metallb_peer("tor"), metallb_advertisement("all")])
    made = docker.run(*RUN, IMAGE, "migrate", "metallb", "-f", "-", given=given).stdout
    kinds = {each["kind"] for each in yaml.safe_load_all(made) if each}
    assert kinds == {"IPAddressPool", "BGPPeer", "BGPAdvertisement"}


def test_image_has_the_name_of_the_plugin_and_the_version_of_the_chart(docker: Docker) -> None:
    chart = yaml.safe_load((ROOT / "charts" / "exalb" / "Chart.yaml").read_text())
    assert docker.run(*RUN, IMAGE, "--version").stdout == f"exalb {chart['appVersion']}\n"
    plugin = docker.run(*RUN, "--entrypoint", "kubectl-exalb", IMAGE, "--help").stdout
    assert "Usage: kubectl exalb" in plugin


def test_container_of_the_page_may_do_nothing_but_compute(docker: Docker) -> None:
    """As an ordinary user, on a root that is read-only, with no network but its own loopback, and no token."""
    seen = json.loads(docker.run(*RUN, "--entrypoint", "/opt/exalb/bin/python", IMAGE, "-c", LOOK).stdout)
    assert seen["user"][:2] == [65532, 65532]
    assert 0 not in seen["user"][2]
    assert [int(mask, 16) for mask in seen["capabilities"]] == [0]
    assert seen["writes"] == ["Read-only file system"] * 3
    assert (seen["links"], seen["tokens"]) == (["lo"], False)
