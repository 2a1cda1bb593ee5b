"""`python -m tests.lab.release RELEASE VERSION HELM`: pushes image and chart into a registry that is a directory.

The chart is the one in RELEASE, the image the one that labs load, and the registry becomes RELEASE/registry. Their
names are those that the release workflow gives them in a registry of yours.
"""

import contextlib
import os
import sys
import tempfile
from ipaddress import IPv4Address
from pathlib import Path

from tests.lab import images, packages, registry
from tests.lab.network import Namespace

LOOPBACK = IPv4Address("127.0.0.1")


def push(release: Path, version: str, helm: str) -> str:
    """Push both; return what the programs said about it."""
    packages.ensure(print, packages.REGISTRY)
    [chart] = release.glob("exalb-*.tgz")
    own = Namespace.create("release", str(os.getpid()))
    with contextlib.ExitStack() as done:
        done.callback(own.delete)
        scratch = Path(done.enter_context(tempfile.TemporaryDirectory()))
        source = f"oci:{images.layout(scratch / 'layout', print)}"
        name = done.enter_context(registry.serving(release.absolute() / "registry", own, LOOPBACK, scratch))
        copy = ["skopeo", "copy", "--insecure-policy", "--dest-tls-verify=false"]
        image = own.run([*copy, source, f"docker://{name}/exalb:{version}"])
        pushed = own.run([helm, "push", chart, f"oci://{name}/charts", "--plain-http"])
        return f"{image.stdout}{pushed.stdout}{pushed.stderr}"


if __name__ == "__main__":
    print(push(Path(sys.argv[1]), *sys.argv[2:]))
