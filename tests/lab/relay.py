"""Leads a port of this machine into the network of a lab, for a debugger or a browser."""

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address

from tests.lab.network import Namespace


@dataclass(frozen=True, slots=True)
class Target:
    """An address and port, as seen from a namespace."""

    namespace: Namespace
    address: IPv4Address
    port: int


async def open_connection(target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to a target. Raises OSError."""
    with contextlib.ExitStack() as unless_connected:
        made = unless_connected.enter_context(target.namespace.open_socket(socket.AF_INET, socket.SOCK_STREAM))
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, (str(target.address), target.port))
        unless_connected.pop_all()
    return await asyncio.open_connection(sock=made)


async def lead(target: Target, listening: socket.socket) -> None:
    """Lead all connections to `listening` to the target, until cancelled."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            their_reader, their_writer = await open_connection(target)
            await asyncio.gather(_copy(reader, their_writer), _copy(their_reader, writer))
        writer.close()

    async with await asyncio.start_server(accept, sock=listening) as server:
        await server.serve_forever()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()
