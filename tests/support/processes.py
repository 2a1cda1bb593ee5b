"""ExaLB's processes in a lab, with their memory and processor time."""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from tests.lab.cluster import Lab

PROC = Path("/proc")
ESTABLISHED, LISTEN = "01", "0A"
"""States of a socket in /proc/net/tcp."""
ROLES = {"controller", "speaker", "bgp"}


@dataclass(frozen=True, slots=True)
class Process:
    """One process of ExaLB: a controller, a speaker, a `bgp` (which supervises), an `exabgp` or a `relay`."""

    pid: int
    role: str
    node: str

    def cpu_seconds(self) -> float:
        """Return the time of a processor that it has had so far, to the nanosecond."""
        return sum(int(text.split()[0]) for text in _of_threads(self.pid, "schedstat")) / 1e9

    def wake_ups(self) -> int:
        """Return how often its threads woke up so far, each after a wait of its own."""
        return wake_ups(self.pid)


def wake_ups(pid: int) -> int:
    """Return how often the threads of a process woke up so far, each after a wait of its own."""
    states = _of_threads(pid, "status")
    return sum(int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0]) for text in states)


def _of_threads(pid: int, name: str) -> Iterator[str]:
    """Yield a file of /proc of each thread of a process, without the threads that end meanwhile."""
    for task in (PROC / str(pid) / "task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            yield (task / name).read_text()


def of(lab: Lab) -> list[Process]:
    """Find all of them."""
    return [
        Process(pid, role, node.name)
        for node in lab.nodes
        if (init := node.pid)  # a node that is off has none; those of process 0 are the machine's
        for pid in (init, *descendants(init))
        if (role := _role(pid))
    ]


def descendants(ancestor: int) -> list[int]:
    """Return the children of a process, their children, and so on."""
    children: dict[int, list[int]] = defaultdict(list)
    for pid, parent in _parents():
        children[parent].append(pid)
    below = list(children[ancestor])
    for pid in below:
        below += children[pid]
    return below


def memory(processes: Sequence[Process]) -> dict[Process, float]:
    """Return the memory of each in megabytes; shared memory on a node is divided among its processes.

    That is PSS as on nodes that are machines: the kernel's own figure also divides by processes on the other nodes,
    and in other labs, whose images happen to be the same files here.
    """
    used = dict.fromkeys(processes, 0.0)
    for node in {process.node for process in processes}:
        maps = {process: list(_mappings(process.pid)) for process in processes if process.node == node}
        users = Counter(file for mappings in maps.values() for file in {file for file, _, _ in mappings})
        for process, mappings in maps.items():
            used[process] = sum(own + shared / users[file] for file, own, shared in mappings) / 1e6
    return used


def resident(pid: int) -> tuple[float, float]:
    """Return the resident memory of a process in megabytes, shared pages included: now, and at most so far."""
    lines = (PROC / str(pid) / "status").read_text().splitlines()
    sizes = {
        name: int(rest.split()[0]) / 1000 for name, _, rest in (line.partition(":") for line in lines) if "kB" in rest
    }
    return sizes["VmRSS"], sizes["VmHWM"]


def listening_port(pid: int) -> int | None:
    """Return the lowest TCP port that a process listens on over IPv4; None while there is none."""
    return min((port for address, port in listeners(pid) if "." in address), default=None)


def listeners(pid: int) -> set[tuple[str, int]]:
    """Return the addresses and TCP ports on which a process listens; none when it ended."""
    return _places(pid, LISTEN)


def connected_ports(pid: int) -> set[int]:
    """Return a process's own ports of the TCP connections that it has."""
    return {port for _, port in _places(pid, ESTABLISHED)}


def _places(pid: int, state: str) -> set[tuple[str, int]]:
    """Return the own addresses and ports of its TCP sockets in a state."""
    with suppress(FileNotFoundError, ProcessLookupError):
        files = set(_open_files(pid))
        tables = [(PROC / str(pid) / "net" / name).read_text().splitlines()[1:] for name in ("tcp", "tcp6")]
        rows = [line.split() for table in tables for line in table]
        places = [row[1].split(":") for row in rows if row[3] == state and f"socket:[{row[9]}]" in files]
        return {(_address(text), int(port, 16)) for text, port in places}
    return set()


def _open_files(pid: int) -> Iterator[str]:
    """Yield what its file descriptors are, without those that it closes meanwhile."""
    for path in (PROC / str(pid) / "fd").iterdir():
        with suppress(FileNotFoundError):
            yield str(path.readlink())


def _address(text: str) -> str:
    """Return an address of /proc/net/tcp or tcp6: words of 32 bits, each as this machine keeps it in memory."""
    words = [int(text[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(text), 8)]
    return str(ip_address(b"".join(words)))


def running(command: str, among: Iterable[int]) -> list[int]:
    """List the processes with these words in their command lines, without those whose parents have them too."""
    parents: dict[int, int] = {}
    for pid in among:
        with suppress(FileNotFoundError, ProcessLookupError):
            if command in (PROC / str(pid) / "cmdline").read_text().replace("\0", " "):
                parents[pid] = parent(pid)
    return [pid for pid, above in parents.items() if above not in parents]


def parent(pid: int) -> int:
    """Return the parent of a process."""
    return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])


def _parents() -> Iterator[tuple[int, int]]:
    for path in PROC.glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            yield int(path.name), parent(int(path.name))


def _role(pid: int) -> str | None:
    with suppress(FileNotFoundError, ProcessLookupError):
        words = (PROC / str(pid) / "cmdline").read_text().split("\0")
        if any(word.endswith("/relay.py") for word in words):
            return "relay"
        if "exalb_bgp.exabgp.server" in words:
            return "exabgp"
        if "exalb_bgp.exabgp.supervisor" in words:
            return "bgp"
        if len(words) > 2 and words[1].endswith("/exalb") and words[2] in ROLES:
            return words[2]
    return None


def _mappings(pid: int) -> Iterator[tuple[str, int, int]]:
    """Yield for each mapping its file, the octets of its own memory, and those of the file's."""
    file, resident = "", 0
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in (PROC / str(pid) / "smaps").read_text().splitlines():
            words = line.split()
            if not words[0].endswith(":"):
                file = words[5] if len(words) > 5 else ""
            elif words[0] == "Rss:":
                resident = 1024 * int(words[1])
            elif words[0] == "Anonymous:":
                own = 1024 * int(words[1])
                yield file, own, resident - own
