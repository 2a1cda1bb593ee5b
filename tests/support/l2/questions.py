"""Ask by ARP at a rate, and time the answers.

`python -m tests.support.l2.questions INTERFACE SOURCE RATE SECONDS ADDRESS …`
"""

import json
import select
import socket
import statistics
import sys
import time
from collections import defaultdict, deque
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address

from exalb_l2.frames import ARP
from tests.lab.network import Namespace
from tests.support.tree import ROOT

_REST = 1.0
"""The last answers may come so much later, in seconds."""


@dataclass(frozen=True, slots=True)
class Timed:
    """The questions and their answers; times in seconds."""

    asked: int
    answered: int
    median: float
    p99: float


def ask(client: Namespace, source: IPv4Address, rate: int, seconds: float, *addresses: IPv4Address) -> Timed:
    """Ask from a client's `eth0` for these addresses in turn, `rate` times a second."""
    argv = [sys.executable, "-m", "tests.support.l2.questions", "eth0", source, rate, seconds, *addresses]
    return Timed(**json.loads(client.run(list(map(str, argv)), cwd=ROOT).stdout))


def _main(interface: str, source: str, rate: str, seconds: str, *addresses: str) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ARP)) as opened:
        opened.bind((interface, ARP))
        opened.setblocking(False)
        mac: bytes = opened.getsockname()[4]
        head = b"\xff" * 6 + mac + bytes.fromhex("08060001080006040001") + mac + ip_address(source).packed + bytes(6)
        times = _times(opened, [head + ip_address(one).packed for one in addresses], int(rate), float(seconds))
    asked = int(int(rate) * float(seconds))
    p99 = statistics.quantiles(times, n=100)[98]
    print(json.dumps({"asked": asked, "answered": len(times), "median": statistics.median(times), "p99": p99}))


def _times(opened: socket.socket, questions: list[bytes], rate: int, seconds: float) -> list[float]:
    asked: dict[bytes, deque[float]] = defaultdict(deque)
    times, begun, sent, count = list[float](), time.perf_counter(), 0, int(rate * seconds)
    while (left := begun + seconds + _REST - time.perf_counter()) > 0 and len(times) < count:
        due = begun + sent / rate - time.perf_counter() if sent < count else left
        if due <= 0:
            question = questions[sent % len(questions)]
            asked[question[-4:]].append(time.perf_counter())
            opened.send(question)
            sent += 1
        elif select.select([opened], [], [], due)[0]:
            frame = opened.recv(256)
            if frame[20:22] == b"\x00\x02" and asked[frame[28:32]]:
                times.append(time.perf_counter() - asked[frame[28:32]].popleft())
    return times


if __name__ == "__main__":
    _main(*sys.argv[1:])
