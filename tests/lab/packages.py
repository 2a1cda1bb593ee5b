"""The system's programs that the lab is made of: found where the machine has them, else installed from Debian.

A program counts as present wherever it comes from; only what is missing is installed. No service is started or left
enabled: the lab runs these programs itself, in its own namespaces.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab import cache, progress
from tests.lab.cache import Say

POLICY = Path("/usr/sbin/policy-rc.d")
"""Debian asks this program before a package starts its service; 101 is its "no"."""


class PackagesError(RuntimeError):
    """Programs are missing and cannot be installed from here; the message names all of them and what to type."""


@dataclass(frozen=True, slots=True)
class Package:
    """A Debian package, the programs of it that are used, and the services that it would start by itself."""

    name: str
    programs: tuple[str, ...]
    services: tuple[str, ...] = ()

    @property
    def absent(self) -> tuple[str, ...]:
        """The programs that this machine does not have."""
        return tuple(program for program in self.programs if find(program) is None)


NODES = (
    Package("iproute2", ("ip", "bridge", "tc")),
    Package("util-linux", ("unshare", "nsenter", "setpriv")),
    Package("procps", ("sysctl",)),
    Package("nftables", ("nft",)),
    Package("conntrack", ("conntrack",)),
    Package("openssl", ("openssl",)),
    Package("curl", ("curl",)),
    Package("zstd", ("zstd",)),
    Package("containerd", ("containerd", "containerd-shim-runc-v2", "ctr"), ("containerd",)),
    Package("runc", ("runc",)),
    Package("containernetworking-plugins", ("ptp@cni", "host-local@cni", "loopback@cni")),
)
"""What nodes and the control plane need beside Kubernetes itself."""

ROUTERS = (
    Package("iproute2", ("ip", "bridge", "tc")),
    Package("iputils-ping", ("ping",)),
    Package("tcpdump", ("tcpdump",)),
    Package("frr", ("zebra", "bgpd", "vtysh"), ("frr",)),
    Package("bird2", ("bird", "birdc"), ("bird",)),
    Package("gobgpd", ("gobgp", "gobgpd"), ("gobgpd",)),
)
"""The routers and what looks at them."""

IMAGES = (
    Package("buildah", ("buildah",)),
    Package("mmdebstrap", ("mmdebstrap",)),
)
"""What builds container images."""

CLOCKS = (Package("faketime", ("faketime",)),)
"""What sets one program's clock and leaves the machine's alone; some tests need it, the lab does not."""

EVERYTHING = tuple(dict.fromkeys((*NODES, *ROUTERS, *IMAGES)))

_PLACES = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/frr")
_CNI_PLACES = ("/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni")


def find(program: str) -> Path | None:
    """Return where a program is, looking also where only root's PATH leads; `NAME@cni` is a network plugin."""
    name, _, kind = program.partition("@")
    path = os.pathsep.join(_CNI_PLACES) if kind == "cni" else os.pathsep.join((os.environ["PATH"], *_PLACES))
    found = shutil.which(name, path=path)
    return Path(found) if found else None


def ensure(say: Say, packages: Sequence[Package] = EVERYTHING) -> None:
    """Install what is missing of `packages`; costs a few milliseconds when nothing is.

    Raises PackagesError when that takes another person (not root) or another way (not Debian or its kin), and
    progress.CommandError when apt-get fails.
    """
    if not any(package.absent for package in packages):
        return
    with cache.lock(cache.root() / "packages", say):
        missing = [package for package in packages if package.absent]
        if missing:
            _refuse_unless_possible(missing)
            _install(missing, say)
    if left := [package for package in packages if package.absent]:
        raise PackagesError(_message(left, "These are still missing after their packages were installed"))


def _refuse_unless_possible(missing: Sequence[Package]) -> None:
    if shutil.which("apt-get") is None:
        raise PackagesError(_message(missing, "The lab needs these programs, and this system has no apt-get"))
    if os.geteuid() != 0:
        raise PackagesError(_message(missing, "The lab needs these programs, and only root may install them"))


def _message(missing: Sequence[Package], sentence: str) -> str:
    lines = [
        f"  {', '.join(p.partition('@')[0] for p in package.absent)} (package {package.name})" for package in missing
    ]
    names = " ".join(package.name for package in missing)
    command = f"apt-get update && apt-get install --no-install-recommends {names}"
    return "\n".join((f"{sentence}:", *lines, "On Debian, type as root:", f"  {command}"))


def _install(missing: Sequence[Package], say: Say) -> None:
    names = [package.name for package in missing]
    say(f"installing from Debian, about a minute: {' '.join(names)}")
    log, env = cache.root() / "apt.log", {"DEBIAN_FRONTEND": "noninteractive"}
    apt = ("apt-get", "--quiet", "--yes", "-o", "DPkg::Lock::Timeout=600")
    with no_service_starts():
        progress.run([*apt, "update"], say=say, what="apt-get update", log=log, env=env)
        argv = [*apt, "install", "--no-install-recommends", *names]
        progress.run(argv, say=say, what="apt-get install", log=log, env=env, whole=True)
    services = [service for package in missing for service in package.services]
    if services and shutil.which("systemctl"):
        subprocess.run(["systemctl", "--quiet", "disable", *services], check=False, capture_output=True)


@contextmanager
def no_service_starts(policy: Path = POLICY) -> Iterator[None]:
    """Forbid packages to start services, as long as this process lives: a leftover of a killed run takes itself away.

    A policy that the machine already has stays in force as it is.
    """
    stat = f"/proc/{os.getpid()}/stat"
    started = Path(stat).read_text().rpartition(")")[2].split()[19]
    script = f"#!/bin/sh\ncase $(cat {stat} 2>/dev/null) in *' {started} '*) exit 101;; esac\nrm -f \"$0\"\nexit 0\n"
    try:
        with policy.open("x") as file:
            file.write(script)
            policy.chmod(0o755)
    except FileExistsError:
        yield
        return
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)
