"""The gate by which tests reach an API server ends with all its connections, also with those that come meanwhile."""

import contextlib
import gc
import socket
import threading

from tests.lab.network import Namespace
from tests.support.kubernetes.gate import Gate

GATES = 5


def test_gate_ends_with_the_connections_that_come_meanwhile(lab: str) -> None:
    """A connection that it leaves open warns when it is collected, which fails a test."""
    nowhere = Namespace.create(lab, "nowhere")
    for _ in range(GATES):
        met = threading.Event()
        with Gate(nowhere, "203.0.113.1", 443) as gate:
            clients = [threading.Thread(target=_knock, args=(gate.port, met)) for _ in range(2)]
            for client in clients:
                client.start()
            assert met.wait(10)
        for client in clients:
            client.join()
    gc.collect()


def _knock(port: int, met: threading.Event) -> None:
    """Connect again and again until nobody listens."""
    with contextlib.suppress(OSError):
        while True:
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                met.set()
