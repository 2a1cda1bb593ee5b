"""The system's programs that the lab is made of: found where the machine has them, else installed from Debian.

A program counts as present wherever it comes from; only what is missing is installed. No service is started or left
enabled: the lab runs these programs itself, in its own namespaces.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab import cache, progress
from tests.lab.cache import Say

POLICY = Path("/usr/sbin/policy-rc.d")
"""Debian asks this program before a package starts its service; 101 is its "no"."""


class PackagesError(RuntimeError):
    """Programs are missing and cannot be installed; the message names all of them and the command to install them."""


@dataclass(frozen=True, slots=True)
class Package:
    """A Debian package, the programs of it that are used, and the services that it would start by itself."""

    name: str
    programs: tuple[str, ...]
    services: tuple[str, ...] = ()
    tested: str = ""
    """The version of Debian 12 that the lab is known to work with, as far as it matters."""

    @property
    def absent(self) -> tuple[str, ...]:
        """The programs that this machine does not have."""
        return tuple(program for program in self.programs if find(program) is None)


NODES = (
    Package("iproute2", ("ip", "bridge", "tc"), tested="6.1"),
    Package("util-linux", ("unshare", "nsenter", "setpriv"), tested="2.38"),
    Package("procps", ("sysctl",)),
    Package("nftables", ("nft",), tested="1.0"),
    Package("conntrack", ("conntrack",), tested="1:1.4"),
    Package("openssl", ("openssl",)),
    Package("curl", ("curl",)),
    Package("zstd", ("zstd",)),
    Package("containerd", ("containerd", "containerd-shim-runc-v2", "ctr"), ("containerd",), tested="1.6"),
    Package("runc", ("runc",), tested="1.1"),
    Package("containernetworking-plugins", ("ptp@cni", "host-local@cni", "loopback@cni"), tested="1.1"),
)
"""Packages that nodes and the control plane need, in addition to Kubernetes itself."""

ROUTERS = (
    Package("iproute2", ("ip", "bridge", "tc"), tested="6.1"),
    Package("iputils-ping", ("ping",)),
    Package("tcpdump", ("tcpdump",)),
    Package("frr", ("zebra", "bgpd", "vtysh"), ("frr",), tested="8.4"),
    Package("bird2", ("bird", "birdc"), ("bird",), tested="2.0"),
    Package("gobgpd", ("gobgp", "gobgpd"), ("gobgpd",), tested="3.10"),
)
"""The routers, and the tools to look at them."""

IMAGES = (
    Package("buildah", ("buildah",), tested="1.28"),
    Package("mmdebstrap", ("mmdebstrap",), tested="1.3"),
)
"""The tools that build container images."""

CLOCKS = (Package("faketime", ("faketime",)),)
"""A tool that sets the clock of one program only; some tests need it, the lab does not."""

LUA = (Package("lua5.4", ("lua5.4",), tested="5.4"),)
"""Runs the health script for Argo CD in a test; the lab does not need it."""

MONITORING = (Package("prometheus", ("prometheus", "promtool"), ("prometheus",), tested="2.42"),)
"""Prometheus, which tests use to check rules and dashboards; the lab does not."""

PROXIES = (Package("iptables", ("iptables", "ip6tables"), tested="1.8"),)
"""The tools of kube-proxy in mode iptables, in which some tests run it; the lab itself runs it in mode nftables."""

NEIGHBORS = (
    Package("iputils-arping", ("arping",), tested="3:20221126"),
    Package("ndisc6", ("ndisc6",), tested="1.0"),
)
"""Clients that ask for addresses by ARP and NDP, each by code of its own; tests of L2 need them, the lab does not."""

INGRESS = (
    Package("nginx", ("nginx",), ("nginx",), tested="1.22"),
    Package("libnginx-mod-stream", ("ngx_stream_module.so@nginx",), tested="1.22"),
)
"""The proxy of an ingress, which one story puts behind a Service; the lab does not need it."""

REGISTRY = (
    Package("docker-registry", ("docker-registry",), ("docker-registry",), tested="2.8"),
    Package("skopeo", ("skopeo",), tested="1.9"),
)
"""A registry in a directory, and the tool that copies an image there: for `make release-dry`, not for the lab."""

CONTAINERS = (
    Package("podman", ("podman",), ("podman", "podman-auto-update", "podman-restart"), tested="4.3"),
    Package("crun", ("crun",), tested="1.8"),
)
"""A program that takes the commands of Docker, in which tests run the image as people do; the lab does not need it."""

BROWSER = (Package("chromium", ("chromium",)),)
"""A browser, in which tests look at the web page; the lab does not need it."""

SHUTDOWN = (
    Package("dbus-daemon", ("dbus-daemon",), tested="1.14"),
    Package("systemd", ("systemd-logind@systemd", "busctl"), tested="252"),
)
"""Logind and its D-Bus, by which one story shuts a node down; the lab does not need them."""

EVERYTHING = tuple(dict.fromkeys((*NODES, *ROUTERS, *IMAGES)))

_PLACES = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/frr")
_PLUGINS = {
    "cni": ("/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"),
    "nginx": ("/usr/lib/nginx/modules",),
    "systemd": ("/lib/systemd", "/usr/lib/systemd"),
}


def find(program: str) -> Path | None:
    """Return where a program is, looking also where only root's PATH leads; `NAME@KIND` is in a place of its own."""
    name, _, kind = program.partition("@")
    path = os.pathsep.join(_PLUGINS.get(kind) or (os.environ["PATH"], *_PLACES))
    found = shutil.which(name, mode=os.F_OK if kind else os.F_OK | os.X_OK, path=path)
    return Path(found) if found else None


def ensure(say: Say, packages: Sequence[Package] = EVERYTHING) -> None:
    """Install the missing ones of `packages`; takes a few milliseconds when none is missing.

    Raises PackagesError without root's rights or without apt-get, and
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


def differing(packages: Sequence[Package] = EVERYTHING) -> list[str]:
    """Name the packages whose version is not the tested one: the first suspects when a part of the lab fails.

    Debian offers one version at a time, so packages are not pinned.
    """
    if shutil.which("dpkg-query") is None:
        return []
    names = [package.name for package in packages]
    query = ["dpkg-query", "--show", "--showformat", "${Package} ${Version}\\n", *names]
    listed = subprocess.run(query, check=False, capture_output=True, text=True).stdout
    return differences(packages, dict(line.split(maxsplit=1) for line in listed.splitlines() if " " in line.strip()))


def differences(packages: Sequence[Package], installed: Mapping[str, str]) -> list[str]:
    """Compare installed versions with the tested ones; a sentence for each package that differs."""
    return [
        f"{package.name} is {version}; the lab is tested with {package.tested}"
        for package in dict.fromkeys(packages)
        if package.tested and (version := installed.get(package.name)) and not _same(version, package.tested)
    ]


def _same(version: str, tested: str) -> bool:
    return re.match(rf"{re.escape(tested)}(?!\d)", version) is not None


def _install(missing: Sequence[Package], say: Say) -> None:
    names = [package.name for package in missing]
    say(f"installing from Debian, about a minute: {' '.join(names)}")
    outage: progress.CommandError | None = None
    with no_service_starts():
        try:
            _apt_get("update", "--error-on=any", say=say)
        except progress.CommandError as error:  # of one source, maybe; the installation shows whether it is needed
            outage = error
        try:
            _apt_get("install", "--no-install-recommends", *names, say=say, whole=True)
        except progress.CommandError as error:
            raise outage or error from None
    services = [service for package in missing for service in package.services]
    if services and shutil.which("systemctl"):
        subprocess.run(["systemctl", "--quiet", "disable", *services], check=False, capture_output=True)


def _apt_get(verb: str, *arguments: str, say: Say, whole: bool = False) -> None:
    progress.run(
        ["apt-get", "--quiet", "--yes", "-o", "DPkg::Lock::Timeout=600", verb, *arguments],
        say=say,
        what=f"apt-get {verb}",
        log=cache.root() / f"apt-{verb}.log",
        env={"DEBIAN_FRONTEND": "noninteractive"},
        source="Debian's archive (/etc/apt/sources.list and sources.list.d)",
        whole=whole,
    )


@contextmanager
def no_service_starts(policy: Path = POLICY) -> Iterator[None]:
    """Forbid packages to start services, as long as this process lives; the policy of a killed run removes itself.

    A policy that the machine already has stays as it is.
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
