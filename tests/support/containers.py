"""The image as people run it: Podman under the name of Docker, whose storage and settings end with the test."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.lab import fixtures, images, packages

IMAGE = "registry.example/exalb:0.1.0"
"""The name that the image has there."""
_CONTAINERS = """\
[containers]
cgroups = "disabled"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "crun"
cgroup_manager = "cgroupfs"
events_logger = "none"
static_dir = "{0}/static"
tmp_dir = "{0}/tmp"
volume_path = "{0}/volumes"
"""
"""Without control groups, and with limits that it need not raise, which not every root may."""
_STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{0}/images"
runroot = "{0}/run"
"""
_DOCKER = """\
#!/bin/sh
exec unshare --mount --propagation=private sh -c 'mount -t cgroup2 none /sys/fs/cgroup && exec podman "$@"' docker "$@"
"""
"""In a mount namespace of its own: no mount stays on the machine. Crun does not start where version 1 of cgroups is."""


class Docker:
    """A `docker` that has ExaLB's image."""

    def __init__(self, directory: Path) -> None:
        fixtures.require((*packages.IMAGES, *packages.CONTAINERS))
        settings = {"CONTAINERS_CONF": _CONTAINERS, "CONTAINERS_STORAGE_CONF": _STORAGE}
        self.environment: Mapping[str, str] = {name: str(directory / name.lower()) for name in settings}
        """With which it finds its storage."""
        for name, text in settings.items():
            Path(self.environment[name]).write_text(text.format(directory))
        self.folder = directory / "bin"
        """For the PATH."""
        self.folder.mkdir()
        script = self.folder / "docker"
        script.write_text(_DOCKER)
        script.chmod(0o755)
        loaded = self.run("pull", "--quiet", f"oci:{images.layout(directory / 'layout', print)}")
        self.run("tag", loaded.stdout.strip(), IMAGE)

    def run(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command that must succeed."""
        done = subprocess.run(
            [self.folder / "docker", *words],
            input=given,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done
