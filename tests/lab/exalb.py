"""ExaLB in a lab: installed as people install it, by Helm from the chart, and brought up to date with the checkout."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.lab import images
from tests.lab.cluster import Lab
from tests.lab.images import CHECKOUT, Archive
from tests.lab.node import Node

RELEASE, NAMESPACE = "exalb", "exalb-system"
CHART = CHECKOUT / "charts" / "exalb"
SECONDS = "40s"


def install(lab: Lab, values: Mapping[str, Any] | None = None) -> None:
    """Install ExaLB with the image of the checkout as it is now; returns when all of it is ready.

    `values` are the chart's. CommandError has Helm's words and what the pods say when it does not become ready.
    """
    with lab.narration.step("ExaLB: helm install"):
        _helm(lab, ["install", "--create-namespace"], ready_image(lab), values or {})


def reload(lab: Lab) -> Archive:
    """Bring the checkout's code as it is now into a lab where ExaLB is installed; returns when it runs."""
    image = ready_image(lab)
    with lab.narration.step("ExaLB: helm upgrade"):
        _helm(lab, ["upgrade", "--reuse-values"], image, {})
    return image


def is_installed(lab: Lab) -> bool:
    """Tell whether there is a release of ExaLB."""
    return bool(json.loads(lab.helm("list", "--namespace", NAMESPACE, "--output=json", "--filter", f"^{RELEASE}$")))


def uninstall(lab: Lab) -> None:
    """Take ExaLB out again; its custom resources stay, as the chart says."""
    lab.helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--wait")


def _helm(lab: Lab, action: Sequence[str], image: Archive, values: Mapping[str, Any]) -> None:
    repository, _, tag = image.reference.rpartition(":")
    settings = {**values, "image": {**values.get("image", {}), "repository": repository, "tag": tag}}
    words = [*action, RELEASE, str(CHART), "--namespace", NAMESPACE, "--values=-", "--wait", f"--timeout={SECONDS}"]
    lab.helm(*words, given=json.dumps(settings))


def ready_image(lab: Lab) -> Archive:
    """Put the image of the checkout as it is now on every node that lacks it."""
    say = lab.narration.say
    with lab.narration.step("ExaLB: image of the code as it is now"):
        archives = [images.runtime_image(say), images.exalb_image(say)]
        for node in lab.nodes:
            _load_missing(node, archives)
    return archives[-1]


def _load_missing(node: Node, archives: Sequence[Archive]) -> None:
    present = node.run(["ctr", "--namespace=k8s.io", "images", "list", "--quiet"]).stdout.split()
    for archive in archives:
        if archive.reference not in present:
            node.load(archive.path)
