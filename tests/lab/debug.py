"""A debugger for the programs of a lab: one of them runs under debugpy, and a port of this machine leads to it."""

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from pathlib import Path

from tests.lab import cache, exalb, images, oci
from tests.lab.cluster import CommandError, Lab
from tests.lab.images import Archive
from tests.lab.network import Namespace
from tests.lab.relay import Target

PORT = 5678
"""Of debugpy, in the pod and on this machine."""
_PLACE = "debug"
"""Of debugpy in the image."""
_PYTHON = "/opt/exalb/bin/python"


@dataclass(frozen=True, slots=True)
class Program:
    """A program that can be debugged: its workload, and the name of its container."""

    workload: str
    container: str


PROGRAMS = {
    "controller": Program("deployments/exalb-controller", "controller"),
    "speaker": Program("daemonsets/exalb-speaker", "speaker"),
}


def start(lab: Lab, name: str, node: str | None = None) -> Target:
    """Restart a program of PROGRAMS under debugpy and return where that listens, on `node` if one is given.

    `make lab-reload` ends it. There is no liveness probe meanwhile, because a program at a breakpoint answers none.
    Raises CommandError if the program does not start.
    """
    program = PROGRAMS[name]
    image = _image(lab)
    here = f"--namespace={exalb.NAMESPACE}"
    container = {"name": program.container, "image": image.reference, "livenessProbe": None}
    spec: dict[str, object] = {"template": {"spec": {"containers": [container]}}}
    if program.workload.startswith("deployment"):
        spec["replicas"] = 1
    with lab.narration.step(f"{program.workload}: restart under debugpy"):
        before = lab.api.get(f"/apis/apps/v1/namespaces/{exalb.NAMESPACE}/{program.workload}")
        owners = before["metadata"]["managedFields"]
        # Helm's next upgrade finds no conflict if each field has its previous owner (Kubernetes: Server-Side Apply).
        for patch in ({"spec": spec}, {"metadata": {"managedFields": owners}}):
            lab.kubectl("patch", program.workload, here, f"--patch={json.dumps(patch)}")
        lab.kubectl("rollout", "status", program.workload, here, f"--timeout={exalb.SECONDS}")
    return _target(lab, name, image, node)


def _target(lab: Lab, name: str, image: Archive, node: str | None) -> Target:
    selector = f"app.kubernetes.io/component={name}"
    for pod in lab.api.items(f"/api/v1/namespaces/{exalb.NAMESPACE}/pods", labelSelector=selector):
        is_new = any(container["image"] == image.reference for container in pod["spec"]["containers"])
        if is_new and "deletionTimestamp" not in pod["metadata"] and node in (None, pod["spec"]["nodeName"]):
            address = ip_address(pod["status"]["podIP"])
            if isinstance(address, IPv4Address):
                return Target(Namespace(lab.name, pod["spec"]["nodeName"]), address, PORT)
    raise CommandError(f"no pod of {name} runs{f' on node {node}' if node else ''}: see kubectl get pods --output=wide")


def _image(lab: Lab) -> Archive:
    """Put the image of the checkout with debugpy in it on every node, and return it."""
    base = exalb.ready_image(lab)
    layer, content = oci.layer_of(_files())
    image = oci.read_archive(base.path).with_layer(layer)
    listen = (_PYTHON, "-Xfrozen_modules=off", f"/{_PLACE}/debugpy", "--listen", f"0.0.0.0:{PORT}")
    image = image.running(*listen, "/opt/exalb/bin/exalb", user=image.config["config"]["User"])
    key = hashlib.sha256(base.reference.encode() + layer.digest.encode()).hexdigest()[:12]
    archive = Archive(cache.root() / "images" / f"debug-{key}.tar", f"{images.REPOSITORY}/debug:{key}")
    if not archive.path.exists():
        oci.write_archive(archive.path, image, archive.reference, [content])
    for node in lab.nodes:
        node.load(archive.path)
    return archive


def _files() -> dict[str, bytes]:
    """Read the files of debugpy in the virtual environment."""
    found = importlib.util.find_spec("debugpy")
    if found is None or found.origin is None:
        raise CommandError("debugpy is not installed: run make venv")
    top = Path(found.origin).parent
    return {
        f"{_PLACE}/debugpy/{path.relative_to(top)}": path.read_bytes()
        for path in top.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
