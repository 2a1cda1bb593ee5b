"""ExaLB in a lab: installed as people install it, by Helm from the chart, and brought up to date with the checkout."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from tests.lab import images, wait
from tests.lab.cluster import CommandError, Lab
from tests.lab.images import CHECKOUT, Archive
from tests.lab.node import Node

RELEASE, NAMESPACE = "exalb", "exalb-system"
CHART = CHECKOUT / "charts" / "exalb"
WORKLOADS = ("deployments/exalb-controller", "daemonsets/exalb-speaker")
SPEAKER = "app.kubernetes.io/component=speaker"
SECONDS = "120s"
PAGE: Mapping[str, Any] = {"controller": {"page": {"enabled": True}}}
"""Values of the chart with which the controllers serve the web page."""


def install(lab: Lab, values: Mapping[str, Any] | None = None) -> None:
    """Install ExaLB with the image of the checkout as it is now; returns when all of it is ready.

    `values` are the chart's. CommandError has the output of Helm and the logs of pods that do not become ready.
    """
    image = ready_image(lab)
    with lab.narration.step("ExaLB: helm install"):
        try:
            _helm(lab, ["install", "--create-namespace", "--wait", f"--timeout={SECONDS}"], image, values or {})
        except CommandError as error:
            raise CommandError(f"{error}\n{_pod_logs(lab)}") from None


def reload(lab: Lab) -> Archive:
    """Bring the checkout's code as it is now into a lab where ExaLB is installed; returns when it runs.

    All pods are deleted at once, because this is faster than a rollout that preserves traffic.
    """
    image = ready_image(lab)
    with lab.narration.step("ExaLB: helm upgrade, all pods at once"):
        _helm(lab, ["upgrade", "--reset-then-reuse-values"], image, {})
        wait.until("Kubernetes has observed the new image", partial(_is_observed, lab), seconds=30)
        here = f"--namespace={NAMESPACE}"
        if old := _of_other_images(lab, image):
            lab.kubectl("delete", *old, here, "--wait=false", "--ignore-not-found")
        for workload in WORKLOADS:
            lab.kubectl("rollout", "status", workload, here, f"--timeout={SECONDS}")
    return image


def is_installed(lab: Lab) -> bool:
    """Return whether there is a release of ExaLB."""
    return bool(json.loads(lab.helm("list", "--namespace", NAMESPACE, "--output=json", "--filter", f"^{RELEASE}$")))


def uninstall(lab: Lab) -> None:
    """Take ExaLB out again; its custom resources stay, as the chart says."""
    lab.helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--wait")


def _pod_logs(lab: Lab) -> str:
    here = f"--namespace={NAMESPACE}"
    pods = lab.kubectl("get", "pods", here, check=False)
    every = ["--selector=app.kubernetes.io/name=exalb", "--all-containers", "--prefix", "--tail=3"]
    return pods + lab.kubectl("logs", here, *every, check=False)


def _is_observed(lab: Lab) -> bool:
    """Return whether Kubernetes' controllers have observed our last change; new pods follow it from then on."""
    found = [lab.api.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/{workload}") for workload in WORKLOADS]
    return all(item["status"].get("observedGeneration") == item["metadata"]["generation"] for item in found)


def _of_other_images(lab: Lab, image: Archive) -> list[str]:
    """Name the speaker's pods and the controller's replica sets (which would make their pods again) of other images."""
    pods = lab.api.items(f"/api/v1/namespaces/{NAMESPACE}/pods", labelSelector=SPEAKER)
    sets = lab.api.items(f"/apis/apps/v1/namespaces/{NAMESPACE}/replicasets")
    specs = {f"pod/{pod['metadata']['name']}": pod["spec"] for pod in pods}
    specs |= {
        f"replicaset/{replica_set['metadata']['name']}": replica_set["spec"]["template"]["spec"] for replica_set in sets
    }
    return [name for name, spec in specs.items() if any(c["image"] != image.reference for c in spec["containers"])]


def _helm(lab: Lab, action: Sequence[str], image: Archive, values: Mapping[str, Any]) -> None:
    repository, _, tag = image.reference.rpartition(":")
    settings = {**values, "image": {**values.get("image", {}), "repository": repository, "tag": tag}}
    words = [*action, RELEASE, str(CHART), "--namespace", NAMESPACE, "--values=-"]
    lab.helm(*words, given=json.dumps(settings))


def ready_image(lab: Lab) -> Archive:
    """Put the image of the checkout as it is now on every node that lacks it."""
    say = lab.narration.say
    with lab.narration.step("ExaLB: image of the checkout"):
        archives = [images.runtime_image(say), images.exalb_image(say)]
        for node in lab.nodes:
            _load_missing(node, archives)
    return archives[-1]


def _load_missing(node: Node, archives: Sequence[Archive]) -> None:
    present = node.run(["ctr", "--namespace=k8s.io", "images", "list", "--quiet"]).stdout.split()
    for archive in archives:
        if archive.reference not in present:
            node.load(archive.path)
