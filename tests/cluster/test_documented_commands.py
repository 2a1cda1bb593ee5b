"""The commands of the pages, run as a person runs them on a real API server with a Service, a peer and a node in it."""

import base64
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import yaml

from exalb.api.announced import pack
from tests.cluster.chart import NAMESPACE
from tests.lab import wait
from tests.lab.cluster import Lab
from tests.support import objects
from tests.support.documented import commands, mentioned
from tests.support.documents import Page
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Programs
from tests.support.kubernetes.shell import shell
from tests.support.kubernetes.world import OURS, World
from tests.support.observing import session
from tests.support.tree import ROOT

READS = commands(
    "*",
    r"kubectl( -n [\w-]+)? (get|describe) [^|]*\w[^|]*"
    r"|kubectl get services -A \| grep pending"
    r"|kubectl exalb (status|pools|routes|support-bundle|diff .+|routes .+|explain \w+[/ ].+|drain \w+ --simulate)"
    r"|(kubectl get nodes,[^|]+ \| )?exalb plan (-f \S+ ?)+",
    but=r"metallb|tutorial|\$kinds",
)
"""Stories run those of the tutorial, of migrations and of a plan of a whole cluster."""
MENTIONED = mentioned(
    r"kubectl( -n [\w-]+)? (get|describe) [^|]*\w[^|]*"
    r"|kubectl explain .+"
    r"|kubectl exalb (status|peers|pools|routes|support-bundle|diff .+|routes .+|explain \w+[/ ].+)"
    r"|exalb plan (-f \S+ ?)+",
    but="purelb|describe pod|get -o|…|<|PATH",
)
CHANGES = commands(
    "*",
    r"kubectl (label|annotate) (--overwrite )?(node|namespace|ipaddresspools\.exalb\.io) .+"
    r"|kubectl exalb drain n1 (--undo|--force)"
    r"|kubectl create namespace [\w-]+",
    but="tutorial",
)
BLANKS = {
    "service/NAME": "service/web",
    "service NAME": "service web",
    "peer/NAME": "peer/tor",
    "NAMESPACE": "shop",
    "NODE": "n1",
}
MAY_FIND_SOMETHING = re.compile(r"exalb plan|kubectl exalb|\| grep")
"""Commands whose exit code 1 says that something is wrong in the cluster."""
INSTALL = Page(ROOT / "docs" / "how-to" / "install.md")
BAD = re.compile(r"Traceback|[Ee]rror from server|error:|unknown flag")


@pytest.fixture
def town(world: World, programs: Programs, gate: Gate) -> Iterator[World]:
    """Return a cluster that has what the pages name: the node n1, the peer tor, the pool main, Services called web."""
    lab = world.cluster
    spaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in ("shop", NAMESPACE)]
    lab.apply(spaces)
    lab.kubectl("delete", "lease", "exalb-controller", f"--namespace={NAMESPACE}", "--ignore-not-found")
    programs.controller("one", gate.url, NAMESPACE).wait_leads()
    world.node("n1", "203.0.113.11")
    world.pool("main", "198.51.100.0/24")
    world.custom("bgppeers", "BGPPeer", "tor", {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1"})
    services = [objects.service(f"{space}/web", ports=[{"port": 80}]) for space in ("default", "shop")]
    lab.apply([*services, *(objects.endpoints(f"{space}/web", name="web") for space in ("default", "shop"))])
    world.custom("bgpspeakers", "BGPSpeaker", "n1", {})
    report = {"status": {"sessions": [session(announced=list(pack(()) or ()))]}}
    world.change(f"{OURS}/bgpspeakers/n1/status", report)

    def given() -> bool:
        found = lab.api.get("/api/v1/namespaces/shop/services/web")["status"]
        return bool(found["loadBalancer"].get("ingress"))

    wait.until("the Service has an address", given)
    yield world
    lab.delete(services)
    lab.delete(spaces[:1])


def filled(line: str) -> str:
    """Return a command with something for each of its blanks."""
    for blank, meant in BLANKS.items():
        line = re.sub(rf"{re.escape(blank)}\b", meant, line)
    return line


def failure(lab: Lab, folder: Path, line: str) -> str:
    """Run a command; return what is wrong, or nothing. What asks whether all is well may answer no."""
    script = filled(line).replace("create namespace", "create --dry-run=server namespace")
    done = shell(
        lab, script.replace("namespace exalb-system", "namespace not-there-yet") if "create" in line else script, folder
    )
    said, allowed = done.stdout + done.stderr, {0, 1} if MAY_FIND_SOMETHING.search(line) else {0}
    return f"{line}: {done.returncode} {said[-800:]}" if done.returncode not in allowed or BAD.search(said) else ""


@pytest.mark.release
def test_commands_of_the_pages_do_what_they_say(town: World, tmp_path: Path) -> None:
    """Every one succeeds; those that change something run one after the other."""
    lines = sorted({*READS, *MENTIONED})
    assert len(lines) > 50, lines
    for name in ("change.yaml", "manifests.yaml", "first.yaml"):
        (tmp_path / name).write_text(INSTALL.manifests()[0])
    (tmp_path / "cluster.yaml").write_text(json.dumps({"kind": "List", "apiVersion": "v1", "items": []}))
    with ThreadPoolExecutor(4) as pool:
        failed = [text for text in pool.map(partial(failure, town.cluster, tmp_path), lines) if text]
    for line in sorted({*CHANGES, *mentioned("kubectl label node NODE .+")}):
        town.cluster.kubectl("annotate", "node", "n1", "exalb.io/drain-")
        failed += [text for text in [failure(town.cluster, tmp_path, line)] if text]
    assert not failed


def test_password_that_is_typed_becomes_a_secret(town: World, tmp_path: Path) -> None:
    """By the two commands of the page, also in place of an older one: blanks belong to it, the last line break not."""
    lines = commands("docs/how-to/passwords.md", r"IFS= read .+|printf .+ \| kubectl .+")
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets/tor"
    for typed in ("rack-42", " rack 42\\secret "):
        done = shell(town.cluster, "\n".join(lines), tmp_path, f"{typed}\n")
        assert done.returncode == 0, done.stderr
        found = town.api.get(path)
        assert found["type"] == "kubernetes.io/basic-auth"
        assert base64.b64decode(found["data"]["password"]).decode() == typed
    town.delete(path)


def test_plan_of_the_page_about_the_installation_shows_the_result(town: World, tmp_path: Path) -> None:
    """The two commands run in one folder: the cluster as it is, and then with the objects of the page."""
    (tmp_path / "first.yaml").write_text(INSTALL.manifests()[0])
    lines = commands("docs/how-to/install.md", "(kubectl get nodes,|exalb plan ).+")
    done = shell(town.cluster, "\n".join(lines), tmp_path)
    assert done.returncode in {0, 1}, done.stderr
    kinds = {each["kind"] for each in yaml.safe_load((tmp_path / "cluster.yaml").read_text())["items"]}
    assert {"Node", "Namespace", "Service"} <= kinds
    assert re.search(r"^shop/web +198\.51\.100\.\d+ ", done.stdout, re.MULTILINE), done.stdout
