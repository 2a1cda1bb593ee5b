"""Control groups of a lab's nodes: a child group of ours for each node, and none left behind.

With version 1 a node gets a child, in every hierarchy, of the group that we run in ourselves. With version 2 no child
of a group that has processes can have controllers, so systemd is asked for a scope with delegation where it runs, and
elsewhere (in a container) the group is made below the visible root. Commands are started through `Group.argv`, and the
node's init, in a cgroup namespace of its own, then sees its group as the root.
"""

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
SYSTEMD = Path("/run/systemd/system")
NEEDED = frozenset({"cpu", "memory", "pids"})
"""Controllers without which kubelet does not manage pods."""
_PREFIX = "exalb-lab"
_JOIN = 'n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ > "$1/cgroup.procs"; shift; n=$((n-1)); done; exec "$@"'


class CgroupError(RuntimeError):
    """No group can be had, or one does not go away; the text says where and what to do."""


@dataclass(frozen=True, slots=True)
class Group:
    """One node's group: a directory in each hierarchy of version 1, or the one of version 2 (`unified`).

    `scope` is the systemd unit that holds it, if any.
    """

    directories: tuple[Path, ...]
    unified: bool = False
    scope: str | None = None

    def argv(self, argv: Sequence[str | Path]) -> list[str]:
        """Return the command that joins the group and becomes `argv`; its pid is the pid of `argv`."""
        if self.scope is not None:
            run = ["systemd-run", "--scope", "--quiet", "--collect", f"--unit={self.scope}", "--property=Delegate=yes"]
            return [*run, "--", *map(str, argv)]
        paths = [str(path) for path in self.directories]
        return ["sh", "-c", _JOIN, "sh", str(len(paths)), *paths, *map(str, argv)]

    def set_aside(self, pid: int) -> None:
        """Move a process out of the way of version 2, where a group that has processes cannot have groups of pods."""
        if self.unified:
            for directory in self.directories:
                (directory / "init").mkdir(exist_ok=True)
                (directory / "init/cgroup.procs").write_text(str(pid))

    def create(self) -> None:
        """Make the directories; what a killed node left in them goes first, for kubelet spends seconds on each."""
        self.remove()
        if self.scope is not None:
            return
        for directory in self.directories:
            directory.mkdir()
            for name in ("cpuset.cpus", "cpuset.mems"):
                if "cpuset" in _controllers(directory) and not (directory / name).read_text().strip():
                    (directory / name).write_text((directory.parent / name).read_text())

    def remove(self, seconds: float = 30) -> None:
        """End every process in the group and remove it, with all groups below; CgroupError if some stay."""
        deadline = time.monotonic() + seconds
        while left := [path for path in self.directories if path.exists()]:
            for directory in left:
                _empty(directory)
            if time.monotonic() > deadline:
                raise CgroupError(f"these control groups do not go away: {', '.join(map(str, left))}")
            time.sleep(0.02)


def group(lab: str, node: str) -> Group:
    """Return the group for a node, not made yet; CgroupError when this machine offers no way."""
    name = f"{_PREFIX}-{lab}-{node}"
    if (MOUNT / "cgroup.controllers").exists():
        if SYSTEMD.exists():
            return Group((MOUNT / "system.slice" / f"{name}.scope",), unified=True, scope=name)
        return Group((_root_for_children(MOUNT) / name,), unified=True)
    return Group(tuple(MOUNT / hierarchy / path / name for hierarchy, path in _own_groups()))


def leftovers(lab: str, node: str = "") -> list[Group]:
    """Find the groups of a lab, or of one node of it, by their names only, also groups of other processes."""
    wanted, found = f"{_PREFIX}-{lab}-{node}", []
    for path, names, _ in os.walk(MOUNT):
        ours = [name for name in names if (name.removesuffix(".scope") == wanted if node else name.startswith(wanted))]
        found += [Group((Path(path) / name,)) for name in ours]
        names[:] = [name for name in names if not name.startswith(_PREFIX)]
    return found


def _own_groups() -> list[tuple[str, str]]:
    """List hierarchy and our own place in it, of version 1. The file is read at once: it changes while one moves."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    found = [line.split(":", 2)[1:] for line in lines]
    return [(names.removeprefix("name="), path.lstrip("/")) for names, path in found if names]


def _controllers(directory: Path) -> frozenset[str]:
    """Return the controllers of a directory of version 1, by the name of the hierarchy it is in."""
    parts = directory.relative_to(MOUNT).parts if directory.is_relative_to(MOUNT) else ()
    return frozenset(parts[0].split(",")) if parts else frozenset()


def _root_for_children(root: Path) -> Path:
    """Make the visible root of version 2 hand its controllers to children.

    The root of a cgroup namespace, unlike the machine's, must hold no process for that: those in a container move to
    a child, as container runtimes inside containers do.
    """
    offered = (root / "cgroup.controllers").read_text().split()
    if missing := NEEDED - set(offered):
        raise CgroupError(f"{root} offers no controller {', '.join(sorted(missing))}: the lab's nodes need them")
    if set((root / "cgroup.subtree_control").read_text().split()) >= NEEDED:
        return root
    if (root / "cgroup.type").exists():  # which the machine's own root has not
        child = root / "init"
        child.mkdir(exist_ok=True)
        for pid in (root / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                (child / "cgroup.procs").write_text(pid)
    (root / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in offered))
    return root


def _empty(directory: Path) -> None:
    """Take a step towards removing a group: kill what is in it, remove what is empty, deepest first."""
    for path, _, _ in os.walk(directory, topdown=False):
        with contextlib.suppress(OSError):
            for pid in (Path(path) / "cgroup.procs").read_text().split():
                os.kill(int(pid), signal.SIGKILL)
        with contextlib.suppress(OSError):
            Path(path).rmdir()
