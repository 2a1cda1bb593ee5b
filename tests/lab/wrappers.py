"""Commands for a person who looks around in a lab: small scripts that enter the right namespace."""

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.lab import fabric
from tests.lab.layout import Layout
from tests.lab.network import Namespace
from tests.lab.routers.router import Router


def write(lab: Layout, programs: Path, router: Router | None) -> None:
    """Write `kubectl` with `kubectl exalb`, `helm`, `vtysh`, `curl`, `client` and `lab-shell` into the lab's directory.

    `client` runs its arguments as a command of the client; without a router there is no `vtysh`.
    """
    lab.bin.mkdir(exist_ok=True)
    control, client = lab.namespace(fabric.CONTROL_PLANE), lab.namespace(fabric.CLIENT)
    path = f"PATH={lab.bin}:{_PATH}"
    cluster = ["env", *(f"{name}={value}" for name, value in lab.environment.items()), path]
    plugin = Path(sys.executable).parent
    for program in (programs / "kubectl", programs / "helm", plugin / "exalb", plugin / "kubectl-exalb"):
        _script(lab.bin / program.name, control, [*cluster, program])
    if router:
        _script(lab.bin / "vtysh", router.namespace, router.look.split())
    _script(lab.bin / "client", client, ["env"])
    _script(lab.bin / "curl", client, ["curl", "--silent", "--show-error"])
    _script(lab.bin / "lab-shell", control, [*cluster, "bash"])


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _script(path: Path, namespace: Namespace, command: Sequence[str | Path]) -> None:
    """Write a script; it names the program by its path, for the script itself may come first in the PATH."""
    command = [shutil.which(command[0], path=_PATH) or command[0], *command[1:]]
    path.write_text(f'#!/bin/sh\nexec {shlex.join(namespace.argv(command))} "$@"\n')
    path.chmod(0o755)
