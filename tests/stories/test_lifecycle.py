"""The life of an installation by the commands of the pages: from a release's registry to the end."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, ip_network
from pathlib import Path

import pytest

from exalb.runtime.version import VERSION
from tests.lab import exalb, fabric, fixtures, images, layout, packages, registry, wait
from tests.lab.cluster import Lab
from tests.stories import installation
from tests.stories.installation import ROUTER, wait_address, wait_route
from tests.stories.traffic import asking_from, wait_rules_in
from tests.support.documented import commands, the_command
from tests.support.kubernetes.shell import must
from tests.support.note import Note
from tests.support.tree import ROOT

INSTALL = commands("README.md", "helm install .+|kubectl expose .+")
LOOK_AND_TEST = commands("docs/how-to/install.md", "kubectl get (service|bgp)[^,]+|helm test .+")
UPGRADE = commands("docs/how-to/upgrade.md", "kubectl get exalb|helm upgrade .+")
ROLLBACK = the_command("docs/how-to/upgrade.md", "helm rollback .+")
UNINSTALL = the_command("docs/how-to/uninstall.md", "helm uninstall .+ --wait")
FOR_GOOD = commands("docs/how-to/uninstall.md", "kubectl .+|helm uninstall exalb --namespace exalb-system")
RATE = 100.0
NEXT = "0.2.0"
"""The tag of the next release in the page about upgrades."""


@dataclass(frozen=True, slots=True)
class Installation:
    """A lab and the registry of a release, which has the image under two tags."""

    lab: Lab
    registry: str
    folder: Path

    @property
    def image(self) -> str:
        """The image without its tag."""
        return f"{self.registry}/exalb"

    def run(self, line: str) -> str:
        """Run a command of a page with this lab's router, and chart and image of the release's registry."""
        for written, meant in (
            ("charts/exalb", f"oci://{self.registry}/charts/exalb --plain-http"),
            ("REGISTRY/exalb", self.image),
            ("198.51.100.10-198.51.100.250", "198.51.100.240-198.51.100.250"),
            ("peerAddress=203.0.113.1", f"peerAddress={ROUTER}"),
        ):
            line = line.replace(written, meant)
        return must(self.lab, line, self.folder)


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Installation]:
    """Return what `make release-dry` has pushed, and the next tag, in a lab of its own whose kubelets pull it.

    Nobody else has the lab: a kubelet that pulled an image takes the same one under another name, as labs put it on
    nodes, only if it can pull that, too. So nodes do not keep that name here.
    """
    fixtures.require(packages.REGISTRY)
    lab = Lab(f"p{os.getpid():x}")
    lab.up()
    ours = images.exalb_image(print).reference
    try:
        control, address = lab.layout.namespace(fabric.CONTROL_PLANE), layout.on_fabric(layout.CONTROL_PLANE)[0].ip
        with registry.serving(_pushed(lab, tmp_path / "release"), control, IPv4Address(address), tmp_path) as name:
            for node in lab.nodes:
                node.ask_without_tls(name)
                node.run(["ctr", "--namespace=k8s.io", "images", "remove", "--sync", ours])
            installation.deploy(lab, "web")
            yield Installation(lab, name, tmp_path)
    finally:
        lab.down()


def _pushed(lab: Lab, folder: Path) -> Path:
    """Make a release in a folder, give its image the next tag, too, and return the directory of its registry."""
    words = ["make", "release-dry", f"HELM={lab.programs / 'helm'}", f"RELEASE={folder}"]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    [tag] = folder.glob(f"registry/**/repositories/exalb/_manifests/tags/{VERSION}")
    shutil.copytree(tag, tag.with_name(NEXT))
    return folder / "registry"


@pytest.mark.release
@pytest.mark.xdist_group("stories")
@pytest.mark.timeout(1200)
def test_lifecycle_of_a_release_loses_no_request(release: Installation, note: Note) -> None:
    """Two commands, an upgrade, a rollback, and a new installation over the old one's objects; then nothing is left."""
    lab, begun = release.lab, time.monotonic()
    assert len(INSTALL) == 2
    for line in INSTALL:
        release.run(line)
    address = wait_address(lab, "web")
    wait_route(lab, address)
    assert _pulling(lab, f"{release.image}:{VERSION}") == {node.name for node in lab.nodes}
    note("release", f"from helm install to the first route {time.monotonic() - begun:.1f} s")
    for line in LOOK_AND_TEST:
        release.run(line)
    wait_rules_in(lab, address)
    with asking_from(lab.client, address, RATE) as answers:
        _upgrade_and_roll_back(release)
        for line in (UNINSTALL, INSTALL[0]):
            release.run(line)
        _wait_sessions(lab)
        wait_route(lab, address)
    answers.note(note, "requests through upgrade, rollback and a new installation")
    assert answers.failures == []
    assert answers.total > RATE
    assert wait_address(lab, "web") == address
    _uninstall_for_good(release, address)


def _upgrade_and_roll_back(release: Installation) -> None:
    before, upgrade, after = UPGRADE
    assert "True" in release.run(before)
    release.run(upgrade)
    assert _images(release.lab) == {f"{release.image}:{NEXT}"}
    wait.until("SESSIONS are as before", lambda: " 2/2 " in release.run(after), seconds=installation.SECONDS)
    release.run(ROLLBACK)
    assert _images(release.lab) == {f"{release.image}:{VERSION}"}


def _images(lab: Lab) -> set[str]:
    """Return the images of ExaLB's pods that are not about to end."""
    pods = lab.api.items(f"/api/v1/namespaces/{exalb.NAMESPACE}/pods", labelSelector="app.kubernetes.io/part-of=exalb")
    staying = [
        pod for pod in pods if "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] == "Running"
    ]
    return {container["image"] for pod in staying for container in pod["spec"]["containers"]}


def _pulling(lab: Lab, image: str) -> set[str]:
    """Return the nodes whose kubelet pulled an image, as its events say."""
    events = lab.api.items(f"/api/v1/namespaces/{exalb.NAMESPACE}/events", fieldSelector="reason=Pulled")
    return {event["source"]["host"] for event in events if f'Successfully pulled image "{image}"' in event["message"]}


def _wait_sessions(lab: Lab) -> None:
    """Return when every node has a session with the lab's router again, with the new pods."""

    def established() -> bool:
        found = lab.kubectl("get", "bgppeers.exalb.io", "router", "--output=jsonpath={.status.sessions}")
        assert found == "2/2", found
        return True

    wait.until("every node has a session", established, seconds=installation.SECONDS)


def _has_none(release: Installation, line: str, address: IPv4Address) -> bool:
    return str(address) not in release.run(line)


def _uninstall_for_good(release: Installation, address: IPv4Address) -> None:
    """Run the page's commands; what is to be waited for by a person is waited for here."""
    lab = release.lab
    for line in FOR_GOOD:
        if line.startswith("kubectl get services"):
            wait.until("no address", partial(_has_none, release, line, address), seconds=installation.SECONDS)
        release.run(line)
        if "wait bgpspeakers" in line:
            assert ip_network(address) not in lab.router.prefixes(), "the route was withdrawn before the session ended"
    assert "exalb.io" not in lab.kubectl("get", "crd", "--output=name")
    assert not lab.kubectl("get", "namespace", exalb.NAMESPACE, "--ignore-not-found", "--output=name")
    assert not lab.kubectl(
        "get",
        "clusterroles,clusterrolebindings,validatingadmissionpolicies",
        "--selector=app.kubernetes.io/part-of=exalb",
        "--output=name",
    )
