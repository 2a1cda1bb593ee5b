"""What a healthCheckNodePort says, before servers that answer as kube-proxy does, or not at all."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv6Address

import pytest

from exalb.node.health_ports import PortAnswer, ask_port
from exalb_bgp.rib import Address

HERE = IPv4Address("127.0.0.1")
BODY = b'{"localEndpoints":1,"serviceProxyHealthy":true}'


@contextlib.asynccontextmanager
async def answering(answer: bytes, address: Address = HERE) -> AsyncIterator[int]:
    """Yield the port on which this is the answer to all."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, str(address), 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("status", "says"),
    [
        pytest.param(b"200 OK", PortAnswer.DELIVERS, id="has-endpoints"),
        pytest.param(b"503 Service Unavailable", PortAnswer.DENIES, id="has-none"),
        pytest.param(b"404 Not Found", PortAnswer.DENIES, id="anything-else"),
    ],
)
async def test_status_is_the_answer(status: bytes, says: PortAnswer) -> None:
    async with answering(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(BODY), BODY)) as port:
        assert await ask_port(HERE, port) is says


async def test_ipv6() -> None:
    address = IPv6Address("::1")
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", address) as port:
        assert await ask_port(address, port) is PortAnswer.DELIVERS


async def test_what_is_not_http_is_silence() -> None:
    async with answering(b"SSH-2.0-x\r\n\r\n") as port:
        assert await ask_port(HERE, port) is PortAnswer.SILENT


async def test_nobody_listens() -> None:
    async with answering(b"") as port:
        pass
    assert await ask_port(HERE, port) is PortAnswer.SILENT
