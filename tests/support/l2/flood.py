"""Ask by ARP for one address, leave the answers alone, and say how many questions were sent.

`python -m tests.support.l2.flood INTERFACE SOURCE RATE SECONDS ADDRESS`; a machine may be too slow for the rate.
"""

import select
import socket
import sys
import time
from ipaddress import ip_address

from tests.support.l2.questions import question

_TOGETHER, _PAUSE = 100, 0.0005


def _main(interface: str, source: str, rate: str, seconds: str, address: str) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as opened:
        opened.bind((interface, 0))
        frame = question(opened.getsockname()[4], ip_address(source), ip_address(address))
        begun, sent = time.perf_counter(), 0
        while (passed := time.perf_counter() - begun) < float(seconds):
            if sent > passed * int(rate):
                select.select([], [], [], _PAUSE)
                continue
            for _ in range(_TOGETHER):
                opened.send(frame)
            sent += _TOGETHER
    print(sent)


if __name__ == "__main__":
    _main(*sys.argv[1:])
