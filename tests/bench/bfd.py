"""`python -m tests.bench.bfd [--seconds N]`: processor time and memory of the BFD process, by its sessions.

The other end is a second BFD process with an address for each session: FRR has one single-hop session with an address
of a node, whatever its own address is.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path

from exalb_bfd.packet import State
from exalb_bfd.peers import Peer
from tests.lab.network import Namespace, connect
from tests.lab.wait import until
from tests.support.engine.bfd import BfdProcess
from tests.support.lab_run import lab_run
from tests.support.processes import PROC, Process
from tests.support.routers.world import interface

SESSIONS = (1, 10, 50)
INTERVALS = (300, 100)
"""Milliseconds at both ends, with a multiplier of 3."""
NODE = IPv4Address("10.77.0.11")
FIRST = IPv4Address("10.77.0.101")
"""The router's first address; it has one for each session, as a node has one session with an address."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of the process, that of its supervisor included."""

    sessions: int
    interval: int
    processor: float
    """Percent of one processor."""
    memory: float
    """PSS in megabytes."""
    late: int
    downs: int

    def __str__(self) -> str:
        """Write it as a row of a table."""
        each = self.processor / self.sessions
        figures = f"{self.processor:.2f} | {each:.3f} | {self.memory:.1f} | {self.late} | {self.downs}"
        return f"| {self.sessions} | {self.interval} ms | {figures} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bfd", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each row is measured")
    seconds = parser.parse_args(arguments).seconds
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {seconds:g} s a row")
    print("| sessions | interval | % of a processor | % a session | PSS, MB | packets late | downs |")
    print("|---|---|---|---|---|---|---|")
    with lab_run(f"b{os.getpid():x}") as lab:
        for cost in measure(lab, seconds):
            print(cost, flush=True)
    return 0


def measure(lab: str, seconds: float) -> Iterator[Cost]:
    """Measure each number of sessions at each interval."""
    node, tor = Namespace.create(lab, "node"), Namespace.create(lab, "tor")
    connect(node, "eth0", tor, "eth0")
    node.address("eth0", interface(NODE))
    addresses = [FIRST + number for number in range(max(SESSIONS))]
    tor.address("eth0", *map(interface, addresses))
    process, router = BfdProcess(node), BfdProcess(tor)
    process.start()
    router.start()
    try:
        for interval in INTERVALS:
            for count in SESSIONS:
                yield _cost(process, router, addresses[:count], interval, seconds)
    finally:
        process.stop()
        router.stop()


def _cost(process: BfdProcess, router: BfdProcess, addresses: list[IPv4Address], interval: int, seconds: float) -> Cost:
    names = {f"p{number}": address for number, address in enumerate(addresses)}
    goal = {name: Peer(address, interval, interval, 3, NODE) for name, address in names.items()}
    router.apply({name: Peer(NODE, interval, interval, 3, address) for name, address in names.items()})
    process.apply(goal)
    for name in goal:
        until(f"{name} is Up with its times", partial(_is_agreed, process, name, interval), seconds=60)
    before, processes, begun = _counts(process, goal), list(_processes(process)), time.monotonic()
    spent = sum(each.cpu_seconds() for each in processes)
    time.sleep(seconds)
    share = 100 * (sum(each.cpu_seconds() for each in processes) - spent) / (time.monotonic() - begun)
    memory = sum(_pss(each.pid) for each in processes)
    late, downs = (now - then for now, then in zip(_counts(process, goal), before, strict=True))
    process.apply({})
    router.apply({})
    return Cost(len(addresses), interval, share, memory, late, downs)


def _is_agreed(process: BfdProcess, name: str, interval: int) -> bool:
    session = process.session(name)
    assert session.state is State.UP, session
    assert session.detection_time == 3 * interval / 1000, session
    return True


def _counts(process: BfdProcess, goal: dict[str, Peer]) -> tuple[int, int]:
    counts = [process.session(name).counts for name in goal]
    return sum(each.late for each in counts), sum(each.down for each in counts)


def _processes(process: BfdProcess) -> Iterator[Process]:
    worker = process.worker
    for pid in (worker, int((PROC / str(worker) / "stat").read_text().rpartition(")")[2].split()[1])):
        yield Process(pid, "bfd", "node")


def _pss(pid: int) -> float:
    """Return the proportional set size of a process in megabytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


if __name__ == "__main__":
    sys.exit(main())
