"""Ask by ARP or NDP at a rate, and time the answers.

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
from ipaddress import ip_address

from exalb_l2.frames import ARP, IPV6, Address, solicited_node
from tests.lab.network import Namespace
from tests.support.segments import attach_filter
from tests.support.tree import ROOT

_TO_THIS_HOST = ((0x20, 0, 0, 0xFFFFF004), (0x15, 0, 1, 0), (0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0))
"""Classic BPF: the type of the packet must be PACKET_HOST. Questions of others to all hosts would take time to read."""
_REST = 1.0
"""The last answers may come so much later, in seconds."""


@dataclass(frozen=True, slots=True)
class Timed:
    """The questions and their answers; times in seconds."""

    asked: int
    answered: int
    median: float
    p99: float


def ask(client: Namespace, source: Address, rate: int, seconds: float, *addresses: Address) -> Timed:
    """Ask from a client's `eth0` for these addresses of one family in turn, `rate` times a second."""
    argv = [sys.executable, "-m", "tests.support.l2.questions", "eth0", source, rate, seconds, *addresses]
    return Timed(**json.loads(client.run(list(map(str, argv)), cwd=ROOT).stdout))


def _main(interface: str, source: str, rate: str, seconds: str, *addresses: str) -> None:
    asker = ip_address(source)
    ether_type = ARP if asker.version == 4 else IPV6
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ether_type)) as opened:
        opened.bind((interface, ether_type))
        attach_filter(opened, _TO_THIS_HOST)
        opened.setblocking(False)
        mac: bytes = opened.getsockname()[4]
        questions = {ip_address(one).packed: question(mac, asker, ip_address(one)) for one in addresses}
        times = _times(opened, questions, int(rate), float(seconds))
    asked = int(int(rate) * float(seconds))
    p99 = statistics.quantiles(times, n=100)[98]
    print(json.dumps({"asked": asked, "answered": len(times), "median": statistics.median(times), "p99": p99}))


def question(mac: bytes, source: Address, target: Address) -> bytes:
    """Write the frame by which a host asks when it knows nothing of an address."""
    if target.version == 4:
        head = b"\xff" * 6 + mac + bytes.fromhex("08060001080006040001")
        return head + mac + source.packed + bytes(6) + target.packed
    group = solicited_node(target).packed
    body = bytes((135, 0, 0, 0)) + bytes(4) + target.packed + bytes((1, 1)) + mac
    checksum = -int.from_bytes(source.packed + group + len(body).to_bytes(4) + (58).to_bytes(4) + body) % 0xFFFF
    head = b"\x33\x33" + group[12:] + mac + bytes.fromhex("86dd60000000") + len(body).to_bytes(2) + bytes((58, 255))
    return head + source.packed + group + body[:2] + checksum.to_bytes(2) + body[4:]


def answered(frame: bytes) -> bytes:
    """Return the octets of the address that a frame answers for."""
    if frame[12:14] == b"\x08\x06":
        return frame[28:32] if frame[20:22] == b"\x00\x02" else b""
    return frame[62:78] if frame[54:55] == b"\x88" else b""


def _times(opened: socket.socket, questions: dict[bytes, bytes], rate: int, seconds: float) -> list[float]:
    asked: dict[bytes, deque[float]] = defaultdict(deque)
    times, begun, sent, count = list[float](), time.perf_counter(), 0, int(rate * seconds)
    targets = list(questions)
    while (left := begun + seconds + _REST - time.perf_counter()) > 0 and len(times) < count:
        due = begun + sent / rate - time.perf_counter() if sent < count else left
        if due <= 0:
            target = targets[sent % len(targets)]
            asked[target].append(time.perf_counter())
            opened.send(questions[target])
            sent += 1
        elif select.select([opened], [], [], due)[0]:
            waiting = asked[answered(opened.recv(256))]
            if waiting:
                times.append(time.perf_counter() - waiting.popleft())
    return times


if __name__ == "__main__":
    _main(*sys.argv[1:])
