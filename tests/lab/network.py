"""Networks of a lab: namespaces, veth links and bridges, none of which ever touches the machine's own network.

Every namespace is called `<lab>-<role>`, so that a lab is found by its name alone and swept whole by `delete_all`.
Both ends of a link are created inside their namespaces. Needs root and the `ip` command.
"""

import contextlib
import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import Path
from typing import Any

Interface = IPv4Interface | IPv6Interface
Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

NETNS = Path("/run/netns")
STATE = Path("/run/exalb-lab")
"""Below it, a directory for each lab."""
CLONE_NEWNET = 0x40000000
"""Of setns(2), which Python has from 3.12 on."""
LONGEST_NAME = 15
"""Of a network interface, in characters (IFNAMSIZ without the final NUL)."""
ADDRESSES_AT_ONCE = {"net.ipv6.conf.all.accept_dad": 0, "net.ipv6.conf.default.accept_dad": 0}
"""An IPv6 address without duplicate address detection is usable when `ip address add` returns."""
_DROPS = """table ip drops {{
    chain prerouting {{
        type filter hook prerouting priority raw
        ip daddr {} drop
    }}
}}
"""
FORWARDING = {
    "net.ipv4.ip_forward": 1,
    "net.ipv6.conf.all.forwarding": 1,
    "net.ipv4.fib_multipath_hash_policy": 1,
    "net.ipv6.fib_multipath_hash_policy": 1,
}
"""The settings of a router: forwarding, and equal paths by the five-tuple, so that each connection keeps its path."""


class NetworkError(RuntimeError):
    """A command on a lab's network failed; the text has the command and what it said."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """One named network namespace of a lab. The value is only a name: any process can make it again."""

    lab: str
    role: str

    def __post_init__(self) -> None:
        """Refuse names that would not fit an interface, or that two labs could share."""
        if not re.fullmatch(r"[a-z][a-z0-9]*", self.lab):
            raise ValueError(f"lab name {self.lab!r}: use lower-case letters and digits, beginning with a letter")
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", self.role) or len(self.name) > LONGEST_NAME:
            raise ValueError(f"namespace {self.name!r}: lower-case, and at most {LONGEST_NAME} characters in all")

    @property
    def name(self) -> str:
        """The name that `ip netns` shows."""
        return f"{self.lab}-{self.role}"

    @property
    def path(self) -> Path:
        """The file by which a process enters the namespace."""
        return NETNS / self.name

    @property
    def state(self) -> Path:
        """The directory for what belongs to the namespace's processes: sockets, logs, pids, configuration."""
        return STATE / self.lab / self.role

    @property
    def exists(self) -> bool:
        """Whether the namespace is there now."""
        return self.path.exists()

    @classmethod
    def create(cls, lab: str, role: str, *, forwarding: bool = False) -> "Namespace":
        """Create the namespace, with its loopback up; NetworkError if it exists or if we are not root."""
        namespace = cls(lab, role)
        _ip(["netns add " + namespace.name])
        namespace.sysctl(ADDRESSES_AT_ONCE | (FORWARDING if forwarding else {}))
        namespace.ip("link set lo up")
        return namespace

    def argv(self, argv: Sequence[str | Path], *, user: int | None = None) -> list[str]:
        """Return the command that runs `argv` here: it replaces itself, so its pid is the pid of `argv`.

        With `user`, a uid and gid without capabilities, and none to be gained.
        """
        return ["nsenter", f"--net={self.path}", "--", *([] if user is None else as_user(user)), *map(str, argv)]

    def run(
        self, argv: Sequence[str | Path], *, user: int | None = None, **kw: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command here to its end, as `subprocess.run` does; NetworkError when it fails, unless `check=False`."""
        check = kw.pop("check", True)
        if not {"stdout", "stderr", "capture_output"} & kw.keys():
            kw["capture_output"] = True
        if "input" not in kw:
            kw.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run(self.argv(argv, user=user), text=True, check=False, **kw)
        if check and done.returncode:
            raise NetworkError(_said(f"in {self.name}: {' '.join(map(str, argv))}", done))
        return done

    def popen(self, argv: Sequence[str | Path], *, user: int | None = None, **kw: Any) -> subprocess.Popen[Any]:
        """Start a process here, as `subprocess.Popen` does. Its `pid` is the process itself: `terminate()` ends it."""
        kw.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.argv(argv, user=user), **kw)

    def open_socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """Open a socket that belongs here, for use by this very process: a client, or an observer of the wire."""
        with ThreadPoolExecutor(max_workers=1) as pool:  # a namespace is a thread's own; this one ends at once
            return pool.submit(self._enter_and_open, family, kind, protocol).result()

    def enter(self) -> None:
        """Move the calling thread here for good, and with it each thread and process that it starts from now on."""
        with self.path.open("rb") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET):
                raise NetworkError(f"cannot enter {self.name}: {os.strerror(ctypes.get_errno())}")

    def _enter_and_open(self, family: int, kind: int, protocol: int) -> socket.socket:
        self.enter()
        return socket.socket(family, kind, protocol)

    def ip(self, *commands: str) -> None:
        """Run commands of `ip` here, all in one go: `ip("link set eth0 up", "route add default via 10.0.0.1")`."""
        _ip(commands, namespace=self.name)

    def sysctl(self, values: Mapping[str, int | str]) -> None:
        """Set sysctls of this namespace; only those below `net.` are its own."""
        if foreign := [key for key in values if not key.startswith("net.")]:
            raise ValueError(f"not a setting of a network namespace: {', '.join(foreign)}")
        self.run(["sysctl", "-qw", *(f"{key}={value}" for key, value in values.items())])

    def address(self, interface: str, *addresses: Interface) -> None:
        """Give an interface addresses, usable at once."""
        self.ip(*(f"address add {a} dev {interface}" + " nodad" * (a.version == 6) for a in addresses))

    def link_local(self, interface: str) -> IPv6Address:
        """Return the link-local address that the kernel gave the interface."""
        show = ["ip", "-6", "-json", "address", "show", "dev", interface, "scope", "link"]
        entries = json.loads(self.run(show).stdout)
        # Entries that the filter left out are there, and empty.
        return next(IPv6Address(info["local"]) for entry in entries for info in entry.get("addr_info", ()) if info)

    def route(self, destination: Network, *via: Address) -> None:
        """Send `destination` through a gateway, or through several in equal parts, in place of any route before."""
        hops = f"via {via[0]}" if len(via) == 1 else " ".join(f"nexthop via {gateway}" for gateway in via)
        self.ip(f"route replace {destination} {hops}")

    def drop(self, destination: IPv4Address) -> None:
        """Drop what is sent to an address by way of this namespace, without an answer."""
        self.run(["nft", "--file", "-"], input=_DROPS.format(destination), stdin=None)

    def link(self, interface: str, *, up: bool) -> None:
        """Plug an interface in, or pull its cable."""
        self.ip(f"link set {interface} {'up' if up else 'down'}")

    def pids(self) -> list[int]:
        """List the processes that live here."""
        return [int(pid) for pid in _ip([f"netns pids {self.name}"]).split()]

    def holds(self, pid: int) -> bool:
        """Whether a process runs here and has not ended."""
        try:
            return not _is_ended(pid) and Path(f"/proc/{pid}/ns/net").stat().st_ino == self.path.stat().st_ino
        except (FileNotFoundError, ProcessLookupError):
            return False

    def delete(self) -> None:
        """End what still runs here, then remove the namespace with its interfaces. Nothing happens if it is gone."""
        if self.exists:
            _end_processes(self)
            _ip([f"netns delete {self.name}"])


def as_user(user: int) -> list[str]:
    """Return the beginning of a command that runs the rest as this uid and gid, without capabilities."""
    ids = [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    return ["setpriv", *ids, "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--"]


@dataclass(frozen=True, slots=True)
class Bridge:
    """A switch: a Linux bridge inside a namespace."""

    namespace: Namespace
    name: str


def connect(a: Namespace, a_interface: str, b: Namespace, b_interface: str) -> None:
    """Lay a cable between two namespaces, both ends up."""
    _ip([f"link add {a_interface} netns {a.name} type veth peer name {b_interface} netns {b.name}"])
    a.ip(f"link set {a_interface} up")
    b.ip(f"link set {b_interface} up")


def bridge(namespace: Namespace, name: str = "br0") -> Bridge:
    """Put a switch into a namespace. It floods multicast, so that neighbour discovery never waits for a querier."""
    namespace.ip(f"link add {name} type bridge mcast_snooping 0", f"link set {name} up")
    return Bridge(namespace, name)


def attach(switch: Bridge, namespace: Namespace, interface: str = "eth0") -> None:
    """Plug a namespace into a switch; the switch's port is called by the namespace's role."""
    port, fabric = namespace.role, switch.namespace.name
    _ip([f"link add {interface} netns {namespace.name} type veth peer name {port} netns {fabric}"])
    switch.namespace.ip(f"link set {port} master {switch.name} up")
    namespace.ip(f"link set {interface} up")


def namespaces(lab: str) -> list[Namespace]:
    """List the namespaces of a lab, also of one that an earlier run left behind."""
    prefix = f"{lab}-"
    found = sorted(NETNS.iterdir()) if NETNS.is_dir() else []
    return [Namespace(lab, path.name.removeprefix(prefix)) for path in found if path.name.startswith(prefix)]


def delete_all(lab: str) -> None:
    """Remove every namespace of a lab, with all processes and interfaces in them. Safe to repeat."""
    for namespace in namespaces(lab):
        namespace.delete()


def _end_processes(namespace: Namespace, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while pids := [pid for pid in namespace.pids() if not _is_ended(pid)]:
        if os.getpid() in pids:
            raise NetworkError(f"{namespace.name} cannot be deleted from inside")
        if time.monotonic() > deadline:
            raise NetworkError(f"{namespace.name}: processes {pids} do not end")
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _is_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def _ip(commands: Iterable[str], namespace: str | None = None) -> str:
    lines = "\n".join(commands)
    argv = ["ip", *(["-n", namespace] if namespace else []), "-batch", "-"]
    done = subprocess.run(argv, input=lines + "\n", capture_output=True, text=True, check=False)
    if done.returncode:
        raise NetworkError(_said(f"ip {'-n ' + namespace if namespace else ''}: {lines}", done))
    return done.stdout


def _said(command: str, done: subprocess.CompletedProcess[str]) -> str:
    hint = "" if os.geteuid() == 0 else " (labs need root)"
    return f"{command}: exit {done.returncode}{hint}: {(done.stderr or done.stdout or '').strip()}"
