"""PID 1 of a node: lays out the node's file system, then keeps containerd, kubelet and kube-proxy running.

Runs as a script with the standard library alone, in mount, uts, ipc, pid, cgroup and network namespaces of its own, and
takes one argument: a JSON file with the fields of `Spec`. Every default path (/var/lib/kubelet, /run/containerd,
/etc/kubernetes…) is the node's own; /proc/sys is read-only except net, which belongs to the network namespace.
"""

import ctypes
import errno
import json
import os
import shutil
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE, SHARED = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18, 1 << 20
OVERLAY_MAGIC = 0x794C7630
CGROUP = Path("/sys/fs/cgroup")
KUBELET_WANTS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}
"""kubelet writes these settings of the whole machine unless it reads these values: it reads them from plain files."""
PARENT_LEAVES = 10.0
"""Seconds within which our parent leaves the root of our control groups."""
RESTART_AFTER = 0.2
"""Seconds between a service's end and its new start."""
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Spec:
    """The settings of one node; all paths are the machine's."""

    name: str
    store: str
    """The directory that becomes /var and the changes to /etc; kept over a restart."""
    config: str
    """A directory that is copied over /etc at each start."""
    programs: str
    """The directory of Kubernetes' programs; they are at /run/lab/bin inside."""
    pidfile: str
    """Where the pid of this process is written, as the machine counts."""
    services: dict[str, list[str]]
    """Command of each service, by its name."""
    logs: dict[str, str]
    """File of each service's output, by its name."""


def mount(source: str | Path, target: str | Path, kind: str = "none", flags: int = 0, data: str = "") -> None:
    """Do what the system call mount does; OSError names the target."""
    arguments = [os.fsencode(os.fspath(text)) for text in (source, target, kind)]
    if _libc.mount(*arguments, flags, data.encode()) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


def main(path: str) -> NoReturn:
    """Become the node described in the file `path`."""
    spec = Spec(**json.loads(Path(path).read_text()))
    Path(spec.pidfile).write_text(Path("/proc/self").readlink().name)  # /proc is still the machine's
    logs = {name: os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND) for name, file in spec.logs.items()}
    programs = os.open(spec.programs, os.O_PATH)
    socket.sethostname(spec.name)
    mount("none", "/", flags=REC | SHARED)  # a peer group of this namespace alone: unshare made it private first
    lay_out_disk(spec)
    lay_out_kernel()
    for directory in ("/run/lab/bin", "/run/tmp", "/run/lock"):
        Path(directory).mkdir(parents=True)
    mount(f"/proc/self/fd/{programs}", "/run/lab/bin", flags=BIND)
    keep_running(spec.services, logs)


def lay_out_disk(spec: Spec) -> None:
    """Give the node a /var, /etc and /run of its own."""
    store = Path(spec.store)
    if file_system(store) == OVERLAY_MAGIC:  # in a container, where no other overlay can stand on it
        memory = store / "memory"
        memory.mkdir(exist_ok=True)
        mount("tmpfs", memory, "tmpfs", data="mode=755")
        shutil.copytree(store / "var", memory / "var", symlinks=True)
        store = memory
    for name in ("etc", "work", "var/lib/kubelet", "var/lib/containerd", "var/lib/cni", "var/log/pods", "var/tmp"):
        (store / name).mkdir(parents=True, exist_ok=True)
    if not (store / "var/run").is_symlink():
        (store / "var/run").symlink_to("/run")
    mount("overlay", "/etc", "overlay", data=f"lowerdir=/etc,upperdir={store}/etc,workdir={store}/work")
    shutil.copytree(spec.config, "/etc", dirs_exist_ok=True)
    mount(store / "var", "/var", flags=BIND)
    mount("tmpfs", "/run", "tmpfs", NOSUID | NODEV, "mode=755")


def file_system(path: Path) -> int:
    """Return the magic number of the file system that holds `path` (statfs(2))."""
    buffer = (ctypes.c_long * 32)()
    if _libc.statfs(os.fsencode(path), buffer) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))
    return buffer[0]


def lay_out_kernel() -> None:
    """Give the node its own views of processes, devices and control groups, and guard the machine's settings."""
    hierarchies = own_hierarchies()
    mount("proc", "/proc", "proc", NOSUID | NODEV | NOEXEC)
    mount("sysfs", "/sys", "sysfs", NOSUID | NODEV | NOEXEC)
    if hierarchies:
        mount("tmpfs", CGROUP, "tmpfs", NOSUID | NODEV | NOEXEC, "mode=755")
        for hierarchy in hierarchies:
            directory = CGROUP / hierarchy.removeprefix("name=")
            directory.mkdir()
            options = f"none,{hierarchy}" if hierarchy.startswith("name=") else hierarchy
            mount("cgroup", directory, "cgroup", NOSUID | NODEV | NOEXEC, options)
    else:
        mount("cgroup2", CGROUP, "cgroup2", NOSUID | NODEV | NOEXEC)
        hand_out_controllers()
    mount("/proc/sys/net", "/proc/sys/net", flags=BIND)
    settings = Path("/run/lab/sysctl")
    settings.mkdir(parents=True)
    for name, value in KUBELET_WANTS.items():
        file = settings / name.replace("/", ".")
        file.write_text(f"{value}\n")
        mount(file, Path("/proc/sys") / name, flags=BIND)
    mount("/proc/sys", "/proc/sys", flags=BIND | REC)
    mount("none", "/proc/sys", flags=BIND | REMOUNT | RDONLY | NOSUID | NODEV | NOEXEC)


def own_hierarchies() -> list[str]:
    """List the hierarchies of control groups version 1; none where version 2 has the controllers."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    return [names for names in (line.split(":", 2)[1] for line in lines) if names]


def hand_out_controllers() -> None:
    """Let the groups below the node's root have all controllers; for that the root itself must hold no process.

    Our parent, which nobody can name from in here, is moved from outside meanwhile.
    """
    (CGROUP / "init").mkdir(exist_ok=True)
    (CGROUP / "init/cgroup.procs").write_text("1")
    offered = (CGROUP / "cgroup.controllers").read_text().split()
    wanted, deadline = " ".join(f"+{name}" for name in offered), time.monotonic() + PARENT_LEAVES
    while True:
        try:
            (CGROUP / "cgroup.subtree_control").write_text(wanted)
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def keep_running(services: dict[str, list[str]], logs: dict[str, int]) -> NoReturn:
    """Start the services, start again what ends, and reap orphans, until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    running = {start(name, command, logs[name]): name for name, command in services.items()}
    while True:
        pid, _ = os.wait()
        if name := running.pop(pid, None):
            time.sleep(RESTART_AFTER)
            running[start(name, services[name], logs[name])] = name


def start(name: str, command: list[str], log: int) -> int:
    """Start one service in a session of its own and write its pid, as the node counts, to /run/lab/NAME.pid."""
    path = f"/run/lab/bin:{os.environ['PATH']}:/usr/sbin:/sbin"
    ours = {name: value for name, value in os.environ.items() if name == "EXALB_LAB_PART_OF"}
    environment = {"PATH": path, "HOME": "/root", "TMPDIR": "/run/tmp", **ours}
    outputs = [(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
    program = shutil.which(command[0], path=path) or command[0]
    pid = os.posix_spawn(program, command, environment, file_actions=outputs, setsid=True)
    Path(f"/run/lab/{name}.pid").write_text(str(pid))
    return pid


if __name__ == "__main__":
    main(sys.argv[1])
