"""Asks from a router as a host behind it does: all packets of a connection take the same one of equal paths.

Since 6.16, Linux chooses the path of a connection by a random number, because it chooses the path before the port
(FLOWI_FLAG_ANY_SPORT). The path of a packet that no socket sends any longer follows from addresses and ports, so it is
often another: that of the ACK of a FIN in TIME-WAIT, and of an RST. The other node answers the ACK with an RST, which
ends TIME-WAIT, and the pod remains in LAST-ACK for 100 s. A connection from the same port to this pod hangs then: the
client may choose that port again, or the source NAT of a node. Here the port is chosen before the path.

This end closes the connections, so that TIME-WAIT is here and not in the pods. A pod in TIME-WAIT refuses a connection
from a port that the source NAT of its node chose again, if the timestamps are older (RFC 7323 §5.3).
"""

import asyncio
import socket

REQUEST = b"GET / HTTP/1.1\r\nHost: client\r\n\r\n"


def bound_socket(host: str) -> socket.socket:
    """Return a socket that has the port from which it will connect, and does not block; OSError without a route."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as route:
        route.connect((host, 80))
        own = route.getsockname()[0]
    bound = socket.socket(family)
    bound.setblocking(False)
    try:
        bound.bind((own, 0))
    except OSError:
        bound.close()
        raise
    return bound


async def ask(connection: socket.socket, address: tuple[str, int], seconds: float) -> str:
    """Connect, and return the body of the first page; OSError where there is none in so many seconds."""
    async with asyncio.timeout(seconds):
        await asyncio.get_running_loop().sock_connect(connection, address)
        return await exchange(connection)


async def exchange(connection: socket.socket) -> str:
    """Ask for a page and return its body; OSError where there is no good answer."""
    loop, received = asyncio.get_running_loop(), b""
    await loop.sock_sendall(connection, REQUEST)
    while (body := _body(received)) is None:
        data = await loop.sock_recv(connection, 4096)
        if not data:
            raise ConnectionError(f"closed after {len(received)} bytes")
        received += data
    return body.decode().strip()


def _body(received: bytes) -> bytes | None:
    """Return the body of an answer that is complete."""
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return None
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise ConnectionError(f"answered {head[:40]!r}")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return body if len(body) >= length else None


def was_open(connection: socket.socket, error: OSError) -> bool:
    """Whether a connection that failed was open: the kernel had an answer to its first packet, read or not."""
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):  # without an answer it is ConnectionRefusedError
        return True
    try:
        connection.getpeername()
    except OSError:
        return False
    return True
