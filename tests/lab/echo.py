"""The demo's web server: answers each request with one line, its host's name or the address that it was asked from.

    python3 echo.py name|address [PORT]

One process, standard library only, IPv4 and IPv6. SIGTERM ends it at once, after the answers that are under way.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from http import HTTPStatus

Answer = Callable[[str], str]

LONGEST_HEAD = 16 * 1024
"""Bytes of a request's head beyond which the answer is an error (asyncio's own limit is 64 KiB)."""
BACKLOG = 512
"""Connections that wait while a busy machine gives the server no processor; beyond it the kernel drops each SYN."""
IDLE = 30.0
"""Seconds for which a client may keep its connection without asking anything."""

ANSWERS: dict[str, Answer] = {
    "name": lambda client: socket.gethostname(),  # noqa: ARG005
    "address": lambda client: client,
}


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Answer the requests of one connection, as HTTP/1.1 (RFC 9112) keeps it open or HTTP/1.0 closes it."""
    client = _client(writer)
    try:
        while True:
            async with asyncio.timeout(IDLE):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status, keep = _judge(head)
            body = f"{answer(client)}\n" if status is HTTPStatus.OK else f"{status.phrase}\n"
            print(f"{client} {head.partition(chr(13))[0]!r} {status.value}", flush=True)
            writer.write(_response(status, body, keep=keep, head_only=head.startswith("HEAD ")))
            await writer.drain()
            if not keep:
                return
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ConnectionError):
        return
    finally:
        writer.close()


def _client(writer: asyncio.StreamWriter) -> str:
    address: str = writer.get_extra_info("peername")[0]
    return address.removeprefix("::ffff:")


def _judge(head: str) -> tuple[HTTPStatus, bool]:
    """Return the status of the answer, and whether the connection stays open after it."""
    request, *headers = head.rstrip().split("\r\n")
    words = request.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return HTTPStatus.BAD_REQUEST, False
    if words[0] not in ("GET", "HEAD"):
        return HTTPStatus.METHOD_NOT_ALLOWED, False
    fields = {
        name.strip().lower(): value.strip().lower() for name, _, value in (line.partition(":") for line in headers)
    }
    if fields.get("content-length", "0") != "0" or "transfer-encoding" in fields:
        return HTTPStatus.OK, False
    connection = fields.get("connection", "")
    return HTTPStatus.OK, "keep-alive" in connection if words[2] == "HTTP/1.0" else "close" not in connection


def _response(status: HTTPStatus, body: str, *, keep: bool, head_only: bool) -> bytes:
    payload = body.encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(payload)}\r\n"
        f"Connection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    )
    return head.encode() + (b"" if head_only else payload)


async def serve(answer: Answer, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    talks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(converse(reader, writer, answer))
        talks.add(task)
        task.add_done_callback(talks.discard)

    server = await asyncio.start_server(accept, sock=_listen(port), limit=LONGEST_HEAD, backlog=BACKLOG)
    print(f"listening on port {port}", flush=True)
    await stop.wait()
    server.close()
    for task in talks:
        task.cancel()
    await asyncio.gather(*talks, return_exceptions=True)


def _listen(port: int) -> socket.socket:
    """Listen for both families, or for IPv4 alone where the pod has no IPv6."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


if __name__ == "__main__":
    asyncio.run(serve(ANSWERS[sys.argv[1]], int(sys.argv[2]) if len(sys.argv) > 2 else 80))
