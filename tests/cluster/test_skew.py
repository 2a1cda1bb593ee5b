"""Two versions side by side, as during a rollout: the programs of the last release with those of this checkout."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.lab import wait
from tests.lab.api import Json
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Program, Programs
from tests.support.kubernetes.world import OURS, World
from tests.support.tree import ROOT

NODE = "skew-node"
PEER = {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1"}


def git(*arguments: str) -> bytes:
    """Run git in the checkout; return its output."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def last(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the code of the last release before this commit; of the previous commit, before the first release."""
    tags = git("tag", "--list", "v[0-9]*", "--merged", "HEAD~1", "--sort=-version:refname").decode().split()
    code = tmp_path_factory.mktemp("last")
    with tarfile.open(fileobj=io.BytesIO(git("archive", tags[0] if tags else "HEAD~1", "operator", "bgp"))) as archive:
        archive.extractall(code, filter="data")
    path = f"{code / 'operator'}:{code / 'bgp'}"
    where = [sys.executable, "-c", "import exalb, exalb_bgp; print(exalb.__file__, exalb_bgp.__file__)"]
    used = subprocess.run(where, env={"PYTHONPATH": path}, cwd=code, check=True, capture_output=True, text=True).stdout
    assert used.count(str(code)) == 2, used
    return code


def report(world: World) -> Json:
    """Return the session in the report of the node's speaker."""
    status = (world.api.find(f"{OURS}/bgpspeakers/{NODE}") or {}).get("status", {})
    return next(iter(status.get("sessions", [])), {})


def wait_wanted(world: World, prefixes: int) -> None:
    """Return when the speaker wants to announce so many prefixes, and the controller has read its report."""

    def reported() -> bool:
        peer = world.api.get(f"{OURS}/bgppeers/tor").get("status", {})
        assert report(world).get("prefixesWanted") == prefixes, report(world)
        assert peer.get("sessions") == "0/1", peer
        established = next(entry for entry in peer["conditions"] if entry["type"] == "Established")
        assert "does not report" not in established["message"], established
        return True

    wait.until(f"the report has {prefixes} prefixes", reported, seconds=60)


@pytest.mark.release
@pytest.mark.parametrize("old", ["controller", "speaker"])
def test_skew_of_one_release(world: World, programs: Programs, gate: Gate, last: Path, old: str) -> None:
    """The controller's address is planned by the speaker, the speaker's report is counted by the controller."""
    codes = {"controller": None, "speaker": None, old: last}
    world.node(NODE, "10.0.0.1")
    world.pool("main", "198.51.100.0/24")
    world.custom("bgppeers", "BGPPeer", "tor", PEER)
    world.service("web")
    world.endpoints("web", "10.1.0.1", node=NODE)
    programs.controller("skew-controller", gate.url, world.namespace, codes["controller"])
    programs.speaker("skew-speaker", gate.url, world.namespace, NODE, codes["speaker"])
    assert world.wait_address("web", seconds=60) == "198.51.100.0"
    wait_wanted(world, 1)
    world.service("more")
    world.endpoints("more", "10.1.0.2", node=NODE)
    wait_wanted(world, 2)
    world.delete(f"{world.services}/web")
    wait_wanted(world, 1)


@pytest.mark.release
@pytest.mark.parametrize("old", ["first", "second"])
def test_skew_of_leaders(world: World, programs: Programs, gate: Gate, last: Path, old: str) -> None:
    """A leader of one version follows one of the other: addresses stay, and the next one is another."""
    codes = {"first": None, "second": None, old: last}
    world.pool("main", "198.51.100.0/24")
    world.service("web")
    first: Program = programs.controller("skew-first", gate.url, world.namespace, codes["first"])
    assert world.wait_address("web", seconds=60) == "198.51.100.0"
    second = programs.controller("skew-second", gate.url, world.namespace, codes["second"])
    second.wait_ready()
    first.end()
    second.wait_leads()
    world.service("late")
    assert world.wait_address("late", seconds=60) == "198.51.100.1"
    assert world.addresses("web") == ["198.51.100.0"]
