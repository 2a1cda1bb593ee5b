"""The end of a removed session: the router can read everything that was sent to it, and a NOTIFICATION comes last."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_network

from exalb_bgp.rib import Attributes
from exalb_bgp.session import Session, State
from exalb_bgp.speaker import Speaker
from tests.support.bgp.listener import LOOPBACK
from tests.support.bgp.messages import Kind, decode, framed, opening, split
from tests.support.engine.process import Node, until

PREFIX = ip_network("192.0.2.1/32")
GRACEFUL_RESTART = bytes([64, 6, 0, 120, 0, 1, 1, 0])
"""The capability with 120 s and IPv4 unicast (RFC 4724 §3)."""
CEASE_PEER_DE_CONFIGURED = bytes([6, 3])
TIMEOUT = 60


@contextlib.contextmanager
def slow_router() -> Iterator[socket.socket]:
    """Listen; this router reads only when the test wants it."""
    with socket.create_server((str(LOOPBACK), 0)) as listening:
        listening.settimeout(TIMEOUT)
        yield listening


def opened(listening: socket.socket) -> socket.socket:
    """Accept a connection and say everything that opens the session, without reading."""
    connection = listening.accept()[0]
    connection.settimeout(TIMEOUT)
    connection.sendall(opening(64513, bytes([10, 0, 0, 2]), GRACEFUL_RESTART) + framed(Kind.KEEPALIVE))
    return connection


def rest(connection: socket.socket) -> list[tuple[Kind, bytes]]:
    """Read all messages until the other end closed the connection."""
    stream = bytearray()
    while data := connection.recv(1 << 16):
        stream += data
    return list(split(stream))


async def test_removed_session_ends_with_cease_that_slow_router_can_read(node: Node) -> None:
    """It writes twice before it reads: the kernel would answer the first with a RST, and refuse the second."""
    with slow_router() as listening:
        port = listening.getsockname()[1]
        session = Session("tor", LOOPBACK, 64512, 64513, IPv4Address("10.0.0.1"), peer_port=port, graceful_restart=120)
        async with node.driver() as driver:
            driver.apply(Speaker({"tor": session}, {"tor": {PREFIX: Attributes()}}))
            connection = await asyncio.to_thread(opened, listening)
            with connection:
                await until(driver, lambda: driver.status().sessions["tor"].state is State.ESTABLISHED)
                await driver.settled()
                driver.apply(Speaker({}, {}))
                await driver.settled()
                connection.sendall(framed(Kind.KEEPALIVE))
                connection.sendall(framed(Kind.KEEPALIVE))
                messages = await asyncio.to_thread(rest, connection)
    updates = [decode(0.0, LOOPBACK, LOOPBACK, kind, body) for kind, body in messages if kind is Kind.UPDATE]
    assert PREFIX in set().union(*(update.withdrawn for update in updates))
    assert messages[-1] == (Kind.NOTIFICATION, CEASE_PEER_DE_CONFIGURED)
