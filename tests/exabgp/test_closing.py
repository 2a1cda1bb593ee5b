"""The end of a removed session: the router can read everything that was sent to it, and a NOTIFICATION comes last."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_network

import pytest

from exalb_bgp.rib import Attributes
from exalb_bgp.session import Family, Session, State
from exalb_bgp.speaker import Speaker
from tests.support.bgp.listener import LOOPBACK
from tests.support.bgp.messages import Kind, decode, framed, opening, split
from tests.support.engine.process import Node, until

PREFIX = ip_network("192.0.2.1/32")
GRACEFUL_RESTART = bytes([64, 6, 0, 120, 0, 1, 1, 0])
"""The capability with 120 s and IPv4 unicast (RFC 4724 §3)."""
CEASE_PEER_DE_CONFIGURED, CEASE_ADMINISTRATIVE_SHUTDOWN = bytes([6, 3]), bytes([6, 2])
END_OF_RIB = Kind.UPDATE, bytes(4)
"""Of IPv4 unicast (RFC 4724 §2)."""
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


def to(port: int) -> Session:
    return Session(
        peer="tor",
        peer_address=LOOPBACK,
        local_asn=64512,
        peer_asn=64513,
        router_id=IPv4Address("10.0.0.1"),
        peer_port=port,
        families=frozenset({Family.IPV4}),
        graceful_restart=120,
    )


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
        session = to(port)
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
    assert messages[-2:] == [END_OF_RIB, (Kind.NOTIFICATION, CEASE_PEER_DE_CONFIGURED)]


@pytest.mark.parametrize("announced", [True, False])
async def test_ending_engine_sends_cease_where_nothing_is_announced(node: Node, announced: bool) -> None:
    """Routes that are still announced are left to graceful restart: End-of-RIB or a Cease could end it."""
    with slow_router() as listening:
        port = listening.getsockname()[1]
        session = to(port)
        async with node.driver() as driver:
            driver.apply(Speaker({"tor": session}, {"tor": {PREFIX: Attributes()}}))
            with await asyncio.to_thread(opened, listening) as connection:
                await until(driver, lambda: driver.status().sessions["tor"].state is State.ESTABLISHED)
                await driver.settled()
                if not announced:
                    driver.apply(Speaker({"tor": session}, {"tor": {}}))
                    await driver.settled()
                node.supervisor.terminate()
                messages = await asyncio.to_thread(rest, connection)
    ended = [END_OF_RIB, (Kind.NOTIFICATION, CEASE_ADMINISTRATIVE_SHUTDOWN)]
    assert (messages[-2:] == ended) is not announced
    assert (Kind.NOTIFICATION in {kind for kind, _ in messages}) is not announced
