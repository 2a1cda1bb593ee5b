"""MetalLB's side of a migration on a real API server: stand-ins of its definitions and programs, and the command."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.lab import fabric
from tests.lab.api import Json
from tests.lab.cluster import Lab
from tests.support.kubernetes.definitions import stand_in
from tests.support.tree import ROOT

COMPLETE = "the migration is complete"
OWN_FILES = next(iter(sorted(ROOT.parent.glob("*/data/metallb"))), None)
"""A folder near the checkout with MetalLB's own definitions and samples, where there is one: a stricter input."""

_KINDS = {
    "IPAddressPool": ("ipaddresspools", ["v1beta1"]),
    "BGPPeer": ("bgppeers", ["v1beta1", "v1beta2"]),
    "BGPAdvertisement": ("bgpadvertisements", ["v1beta1"]),
    "L2Advertisement": ("l2advertisements", ["v1beta1"]),
    "Community": ("communities", ["v1beta1"]),
    "BFDProfile": ("bfdprofiles", ["v1beta1"]),
}


def definitions() -> list[Json]:
    """Return MetalLB's own definitions where they are there, else stand-ins whose objects may have any field."""
    if OWN_FILES:
        found = [yaml.safe_load((OWN_FILES / f"metallb.io_{plural}.yaml").read_text()) for plural, _ in _KINDS.values()]
        return [{**raw, "metadata": {"name": raw["metadata"]["name"]}} for raw in found]
    return [stand_in("metallb.io", kind, plural, versions) for kind, (plural, versions) in _KINDS.items()]


def samples() -> list[Path]:
    """Return MetalLB's own samples, where they are there."""
    return sorted((OWN_FILES / "samples").glob("*.yaml")) if OWN_FILES else []


def workload(kind: str, name: str, namespace: str, container: Json, **more: Any) -> Json:
    """Return one of MetalLB's programs: a DaemonSet on the network of its nodes, or a Deployment."""
    labels = {"app": "metallb", "component": name}
    pod = {"containers": [{"name": name, **container}], "terminationGracePeriodSeconds": 0}
    if kind == "DaemonSet":
        pod |= {"hostNetwork": True, "tolerations": [{"operator": "Exists"}]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **more},
    }


@dataclass(frozen=True, slots=True)
class Command:
    """`exalb migrate metallb` and the commands that it prints, as a person in `folder` runs them."""

    lab: Lab
    kubeconfig: Path
    folder: Path

    def shell(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a command line in a shell of the lab's control plane."""
        environment = self.lab.environment()
        path = f"{Path(sys.executable).parent}:{self.lab.programs}:{environment['PATH']}"
        return self.lab.layout.namespace(fabric.CONTROL_PLANE).run(
            ["bash", "-o", "pipefail", "-c", line],
            check=False,
            cwd=self.folder,
            env={**environment, "PATH": path, "KUBECONFIG": str(self.kubeconfig)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=120,
        )

    def must(self, line: str) -> str:
        """Run a command line that must succeed; return what it printed."""
        done = self.shell(line)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        return done.stdout

    def check(self) -> list[str]:
        """Return the lines of `--check`."""
        return self.shell("exalb migrate metallb --check").stdout.splitlines()

    def next_step(self) -> tuple[str, list[str]]:
        """Return the title and the commands of the next step; COMPLETE and none at the end."""
        lines = self.check()
        if COMPLETE in lines:
            return COMPLETE, []
        at = next(index for index, line in enumerate(lines) if line.startswith("next: "))
        return lines[at].removeprefix("next: "), [line.strip() for line in lines[at + 1 :]]
