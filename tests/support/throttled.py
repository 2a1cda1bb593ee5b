"""Control groups for a program: one with very little of a processor, and one of version 2 that bounds everything."""

import os
from collections.abc import Iterator

import pytest

from tests.lab import cgroups

SHARE = 0.05
"""The processor time that the kernel grants to the throttled group: of one processor."""
BOUNDS = {"cpu": ("cpu.max", "50000 100000"), "memory": ("memory.max", str(256 << 20)), "pids": ("pids.max", "64")}
"""As a kubelet writes the limits of a container, by controller."""


@pytest.fixture
def throttled() -> Iterator[list[str]]:
    """Return the beginning of a command whose program gets very little of a processor."""
    if os.geteuid() != 0:
        pytest.skip("control groups take root")
    group = cgroups.group(f"u{os.getpid():x}", "slow")
    try:
        group.create()
        files = [path for one in group.directories for path in (one / "cpu.cfs_quota_us", one / "cpu.max")]
        [file] = {path.resolve() for path in files if path.exists()}
        file.write_text(f"{SHARE * 100_000:.0f}" + (" 100000" if file.name == "cpu.max" else ""))
    except (OSError, ValueError, cgroups.CgroupError) as error:
        pytest.skip(f"NOT TESTED: this machine has no control group that limits processors: {error}")
    yield group.argv([])
    group.remove()


@pytest.fixture
def unified() -> Iterator[list[str]]:
    """Return the beginning of a command whose program is in a group of version 2, with all limits of a container."""
    if os.geteuid() != 0:
        pytest.skip("control groups take root")
    if not (cgroups.MOUNT / "cgroup.controllers").exists():
        pytest.skip(
            f"NOT TESTED: kernel {os.uname().release} runs control groups of version 1 here ({cgroups.MOUNT} has no"
            " cgroup.controllers): run this test on a machine with version 2"
        )
    group = cgroups.group(f"u{os.getpid():x}", "bounded")
    group.create()
    for controller, (name, value) in BOUNDS.items():
        [directory] = group.directories
        assert (directory / name).exists(), f"{directory} lacks the controller {controller}"
        (directory / name).write_text(value)
    yield group.argv([])
    group.remove()
