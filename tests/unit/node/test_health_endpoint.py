"""One URL that is asked again and again, before servers that keep the connection, close it, or do not speak HTTP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from exalb.node.health_endpoint import HealthEndpoint

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers each request with the next of its answers, and counts its connections."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.connections = 0
        self.requests: list[bytes] = []
        self._writers: list[asyncio.StreamWriter] = []

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[HealthEndpoint]:
        """Yield what asks it."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        endpoint = HealthEndpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/healthz?verbose")
        async with server:
            try:
                yield endpoint
            finally:
                endpoint.close()
                for writer in self._writers:
                    writer.close()
                    with contextlib.suppress(ConnectionError):
                        await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while self.answers:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(answer := self.answers.pop(0))
                if b"close" in answer:
                    break
        writer.close()


async def test_connection_is_kept() -> None:
    server = Server(OK, OK.replace(b"200 OK", b"503 Service Unavailable"), OK, OK)
    async with server.running() as endpoint:
        assert [await endpoint.ask() for _ in range(3)] == [(200, "OK"), (503, "Service Unavailable"), (200, "OK")]
    assert server.connections == 1
    assert server.requests[0].startswith(b"GET /healthz?verbose HTTP/1.1\r\nHost: 127.0.0.1:")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", id="closed-by-the-server"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70000, id="long"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", id="chunked"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n", id="http-1.0"),
    ],
)
async def test_connection_with_an_unread_rest_is_not_used_again(answer: bytes) -> None:
    server = Server(answer, OK)
    async with server.running() as endpoint:
        assert await endpoint.ask() == await endpoint.ask() == (200, "OK")
    assert server.connections == 2


async def test_connection_that_the_server_closed_meanwhile_is_opened_again() -> None:
    server = Server(OK)
    async with server.running() as endpoint:
        assert await endpoint.ask() == (200, "OK")
        server.answers = [OK]
        assert await endpoint.ask() == (200, "OK")
    assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 fine\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"close",
        b"x" * 70000,
    ],
    ids=["no-http", "no-number", "no-length", "no-answer", "no-end"],
)
async def test_answer_that_is_not_http_is_an_error_and_the_next_may_be(answer: bytes) -> None:
    server = Server(answer, OK)
    async with server.running() as endpoint:
        with pytest.raises(OSError, match=r"."):
            await endpoint.ask()
        assert await endpoint.ask() == (200, "OK")


async def test_nobody_is_an_error() -> None:
    with pytest.raises(OSError, match=r"."):
        await HealthEndpoint("http://127.0.0.1:1/healthz").ask()
