"""Our HTTP client before servers that frame an answer in each way, break it off, go away, or say nothing."""

import asyncio
import contextlib
import gzip
import socket
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import AsyncIterator

import pytest

from exalb.runtime.http_client import CannotConnectError, HttpClient

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ZIPPED = gzip.compress(b"ok")
GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZIPPED)
HANG = b"hang"


class Last(bytes):
    """An answer after which the server closes the connection."""

    __slots__ = ()


class Server:
    """Answers each request with the next of its answers, and counts its connections."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.connections = 0
        self.requests: list[bytes] = []
        self.closed = asyncio.Event()
        """A connection was closed by the client."""
        self._writers: list[asyncio.StreamWriter] = []

    @contextlib.asynccontextmanager
    async def running(self, prefix: str = "") -> AsyncIterator[HttpClient]:
        """Yield its client."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        client = HttpClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{prefix}", fields={"Accept": "a/b"})
        async with server:
            try:
                yield client
            finally:
                client.close()
                self.drop()
                for writer in self._writers:
                    with contextlib.suppress(ConnectionError):
                        await writer.wait_closed()

    def drop(self) -> None:
        """Close every connection."""
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        with contextlib.suppress(ConnectionError):
            while head := await _head(reader):
                self.requests.append(head)
                if self.answers[0] == HANG:
                    break
                writer.write(answer := self.answers.pop(0))
                if isinstance(answer, Last):
                    break
            if self.answers == [HANG]:
                await reader.read()
        self.closed.set()
        writer.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.partition(b"Content-Length: ")[2].partition(b"\r")[0]
        return head + await reader.readexactly(int(length or 0))
    except asyncio.IncompleteReadError:
        return b""


async def get(client: HttpClient, path: str = "/", method: str = "GET") -> tuple[int, bytes]:
    async with client.request(method, path, silence=10.0) as answer:
        return answer.status, await answer.read()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OK, id="length"),
        pytest.param(CHUNKED + b"1\r\no\r\n1;x=y\r\nk\r\n0\r\n\r\n", id="chunks"),
        pytest.param(CHUNKED + b"2\r\nok\r\n0\r\nTrailer: x\r\n\r\n", id="trailer"),
        pytest.param(GZIP + ZIPPED, id="gzip"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, id="informational"),
    ],
)
async def test_body_is_read_and_connection_is_kept(answer: bytes) -> None:
    server = Server(answer, answer)
    async with server.running() as client:
        assert [await get(client) for _ in range(2)] == [(200, b"ok")] * 2
    assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Last(b"HTTP/1.1 200 OK\r\n\r\nok"), id="until-the-end"),
        pytest.param(OK.replace(b"1.1", b"1.0"), id="http-1.0"),
        pytest.param(OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1), id="closes"),
    ],
)
async def test_connection_that_ends_with_its_answer_is_not_used_again(answer: bytes) -> None:
    server = Server(answer, answer)
    async with server.running() as client:
        assert [await get(client) for _ in range(2)] == [(200, b"ok")] * 2
    assert server.connections == 2


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_answer_without_body_needs_no_length(status: bytes) -> None:
    server = Server(b"HTTP/1.1 " + status + b"\r\n\r\n", OK)
    async with server.running() as client:
        assert await get(client) == (int(status[:3]), b"")
        assert await get(client) == (200, b"ok")
    assert server.connections == 1


async def test_request_has_prefix_query_fields_and_body() -> None:
    server = Server(OK)
    async with server.running("/clusters/a/") as client:
        query = {"labelSelector": "a in (b,c)"}
        async with client.request("PATCH", "/x y\r\nz?q=1", query, b"{}", {"Content-Type": "a/c"}) as answer:
            assert await answer.read() == b"ok"
    line, *lines = server.requests[0].decode().split("\r\n")
    assert line == "PATCH /clusters/a/x%20y%0D%0Az?q=1?labelSelector=a+in+%28b%2Cc%29 HTTP/1.1"
    assert {"Accept: a/b", "Content-Type: a/c", "Content-Length: 2", "Accept-Encoding: gzip", "{}"} <= set(lines)
    assert any(field.startswith("Host: 127.0.0.1:") for field in lines)


async def test_pieces_come_before_the_body_ends() -> None:
    server = Server(CHUNKED + b"2\r\nok\r\n", HANG)
    async with server.running() as client:
        async with client.request("GET", "/") as answer:
            assert await anext(aiter(answer.pieces())) == b"ok"
        await asyncio.wait_for(server.closed.wait(), 10)  # a body that was not read to its end ends its connection
        server.answers = [OK]
        assert await get(client) == (200, b"ok")
    assert server.connections == 2


async def test_chunks_that_came_at_once_are_one_piece_and_a_broken_one_takes_none_of_them_away() -> None:
    server = Server(CHUNKED + b"2\r\nok\r\n" * 3 + b"-2\r\n", HANG)
    async with server.running() as client, asyncio.timeout(10), client.request("GET", "/") as answer:
        pieces = aiter(answer.pieces())
        assert await anext(pieces) == b"okokok"
        with pytest.raises(ConnectionError, match="chunk"):
            await anext(pieces)


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_only_a_read_is_repeated_where_the_server_closed_the_kept_connection(method: str) -> None:
    server = Server(OK, Last(), OK)
    async with server.running() as client:
        assert await get(client) == (200, b"ok")
        if method == "GET":
            assert await get(client) == (200, b"ok")
        else:
            with pytest.raises(ConnectionError) as caught:
                await get(client, method=method)
            assert not isinstance(caught.value, CannotConnectError)
    assert server.connections == (2 if method == "GET" else 1)


async def test_connection_that_was_closed_meanwhile_is_not_used() -> None:
    server = Server(OK, OK)
    async with server.running() as client:
        assert await get(client) == (200, b"ok")
        server.drop()
        await asyncio.wait_for(server.closed.wait(), 10)
        assert await get(client, method="PATCH") == (200, b"ok")
    assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"SSH-2.0-x\r\n\r\n", id="no-http"),
        pytest.param(OK.replace(b"HTTP", b"RTSP"), id="another-protocol"),
        pytest.param(Last(OK[:-1]), id="half-a-body"),
        pytest.param(OK.replace(b"2\r", b"-2\r"), id="negative"),
        pytest.param(CHUNKED + b"-2\r\nok\r\n", id="negative-chunk"),
        pytest.param(Last(CHUNKED + b"2\r\nok"), id="half-a-chunk"),
        pytest.param(Last(CHUNKED + b"2\r\nok\r\n"), id="no-last-chunk"),
        pytest.param(GZIP + b"x" * len(ZIPPED), id="no-gzip"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, id="endless-head"),
    ],
)
async def test_broken_answer_is_a_connection_error(answer: bytes) -> None:
    server = Server(answer)
    async with server.running() as client:
        with pytest.raises(ConnectionError):
            await get(client)


async def test_silent_server_is_given_up() -> None:
    server = Server(CHUNKED, HANG)
    async with server.running() as client:
        with pytest.raises(TimeoutError):
            async with client.request("GET", "/", silence=0.01) as answer:
                await answer.read()


async def test_server_that_is_away_was_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(CannotConnectError, match=f"cannot connect to 127.0.0.1 port {port}: "):
        await get(HttpClient(f"http://127.0.0.1:{port}"))


async def test_connection_is_kept_between_requests_and_notices_a_lost_server() -> None:
    server, other = Server(OK, OK), Server(OK)
    async with server.running() as client, other.running() as meanwhile:
        assert await get(client) == await get(meanwhile) == (200, b"ok")
        [kept] = client._idle
        assert kept.writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        async with client.request("GET", "/"):
            assert kept.timer is not None
            assert kept.timer.cancelled()
    assert server.connections == 1


async def test_connection_with_tls_has_small_buffers() -> None:
    """The size is a constant of asyncio's own class, which every connection of this process has."""
    loop, context = asyncio.get_running_loop(), ssl.create_default_context()
    protocol = SSLProtocol(loop, asyncio.Protocol(), context, loop.create_future(), server_hostname="a")
    assert len(protocol.get_buffer(-1)) <= 1 << 14
    protocol._get_app_transport().abort()  # type: ignore[attr-defined]  # typeshed has the name of a later Python


async def test_closed_client_ends_connections_in_use() -> None:
    server = Server(CHUNKED + b"2\r\nok\r\n", HANG)
    async with server.running() as client, client.request("GET", "/") as answer:
        pieces = answer.pieces()
        assert await anext(pieces) == b"ok"
        client.close()
        with pytest.raises(ConnectionError):
            await anext(pieces)
