"""Closes a TCP connection so that the peer can read everything that was sent to it."""

import contextlib
import socket
import threading
import time

_LIMIT = 5.0
"""Seconds in which the peer must close its end."""
_open: set[threading.Thread] = set()


def close_after_peer(connection: socket.socket) -> None:
    """Send a FIN, and keep the connection in a thread until the peer closes its end too, for at most 5 s.

    The caller may close its own descriptor immediately. Without this the kernel answers the next KEEPALIVE of the peer
    with a RST (RFC 9293 §3.6.1), and a router whose write fails may drop the withdrawals and the NOTIFICATION that it
    has not read yet.
    """
    try:
        kept = connection.dup()
    except OSError:  # it was closed
        return
    try:
        kept.shutdown(socket.SHUT_WR)
    except OSError:  # it was never open, or the peer reset it
        kept.close()
        return
    thread = threading.Thread(target=_discard, args=(kept,), daemon=True)
    _open.add(thread)
    thread.start()


def wait_for_peers(seconds: float) -> None:
    """Wait until all peers closed their ends, at most for `seconds`."""
    deadline = time.monotonic() + seconds
    for thread in list(_open):
        thread.join(max(0.0, deadline - time.monotonic()))


def _discard(connection: socket.socket) -> None:
    deadline = time.monotonic() + _LIMIT
    with connection, contextlib.suppress(OSError):
        while (left := deadline - time.monotonic()) > 0:
            connection.settimeout(left)
            if not connection.recv(1 << 16):
                break
    _open.discard(threading.current_thread())
