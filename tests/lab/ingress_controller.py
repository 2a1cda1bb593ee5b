"""An ingress controller, built once from Go modules: no package registry carries one as a program.

It is Skipper: the proxy of Go modules has all of its modules. It has not those of the controllers of HAProxy and Caddy,
nor all of Traefik. The build takes two minutes of a processor, so only stories of a release use it.
"""

import shutil
from pathlib import Path

from tests.lab import binaries, cache, gobuild
from tests.lab.cache import Say

FILE = "skipper"


def skipper(say: Say) -> Path:
    """Return the program. Raises progress.CommandError when the build fails."""
    builds = cache.root() / "ingress"
    directory, work = builds / gobuild.key(binaries.machine(), gobuild.INGRESS), builds / "building"
    with cache.lock(work, say):
        if not (directory / FILE).exists():
            with cache.making(directory) as made:
                gobuild.build(made / FILE, work, say, gobuild.INGRESS)
            shutil.rmtree(work)
    return directory / FILE
