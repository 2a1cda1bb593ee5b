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


async def lead(target: Target, listening: socket.socket) -> None:
    """Lead all connections to `listening` to the target, until cancelled."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there = target.namespace.open_socket(socket.AF_INET, socket.SOCK_STREAM)
            there.setblocking(False)
            await asyncio.get_running_loop().sock_connect(there, (str(target.address), target.port))
            their_reader, their_writer = await asyncio.open_connection(sock=there)
            await asyncio.gather(_copy(reader, their_writer), _copy(their_reader, writer))
        writer.close()

    async with await asyncio.start_server(accept, sock=listening) as server:
        await server.serve_forever()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()
