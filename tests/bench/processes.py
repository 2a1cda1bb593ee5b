"""ExaLB's processes in a lab, and what they take: memory, and time of a processor."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.lab.cluster import Lab

PROC = Path("/proc")
ROLES = {"controller", "speaker", "bgp"}


@dataclass(frozen=True, slots=True)
class Process:
    """One process of ExaLB: a controller, a speaker, a `bgp` (which supervises), an `exabgp` or a `relay`."""

    pid: int
    role: str
    node: str

    def cpu_seconds(self) -> float:
        """Return the time of a processor that it has had so far, to the nanosecond."""
        spent = 0
        for task in (PROC / str(self.pid) / "task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):
                spent += int((task / "schedstat").read_text().split()[0])
        return spent / 1e9


def of(lab: Lab) -> list[Process]:
    """Find all of them."""
    children: dict[int, list[int]] = defaultdict(list)
    for pid, parent in _parents():
        children[parent].append(pid)
    found = []
    for node in lab.nodes:
        below = [node.pid or 0]
        for pid in below:
            below += children[pid]
        found += [Process(pid, role, node.name) for pid in below if (role := _role(pid))]
    return found


def memory(processes: Sequence[Process]) -> dict[Process, float]:
    """Return the memory of each in megabytes, where what several on one node share is divided among them.

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


def _parents() -> Iterator[tuple[int, int]]:
    for path in PROC.glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            yield int(path.name), int((path / "stat").read_text().rpartition(")")[2].split()[1])


def _role(pid: int) -> str | None:
    with suppress(FileNotFoundError, ProcessLookupError):
        words = (PROC / str(pid) / "cmdline").read_text().split("\0")
        if any(word.endswith("/relay.py") for word in words):
            return "relay"
        if "exalb_bgp.exabgp.server" in words:
            return "exabgp"
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
