"""The client that counts requests: equal paths never part the packets of a connection, and it knows what was open."""

import asyncio
import json
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_network

import pytest

from exalb_bgp.rib import Address
from tests.lab import network, wait
from tests.lab.images import CHECKOUT
from tests.lab.network import Namespace
from tests.support.client import ask, bound_socket, was_open

HOSTS = ("left", "right")
SERVED4, SERVED6 = IPv4Address("198.51.100.7"), IPv6Address("2001:db8:100::7")
"""The addresses that both hosts have, as nodes have those of Services."""
REQUESTS = 40
SERVER = """
import asyncio, sys

async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(f"HTTP/1.1 200 OK\\r\\nContent-Length: {len(sys.argv[2])}\\r\\n\\r\\n{sys.argv[2]}".encode())
    await reader.read()
    await asyncio.sleep(0.1)  # longer than an ACK is delayed: the FIN is a packet of its own then, as of a busy pod
    writer.close()

async def main():
    async with await asyncio.start_server(answer, sys.argv[1], 80, backlog=512) as server:
        print("listening", flush=True)
        await server.serve_forever()

asyncio.run(main())
"""


@pytest.fixture
def hosts(lab: str) -> Iterator[dict[str, Namespace]]:
    """Create a router and two hosts on a switch; the router has equal paths to the addresses of both."""
    switch = network.bridge(Namespace.create(lab, "switch"))
    made = {name: Namespace.create(lab, name, forwarding=name == "router") for name in ("router", *HOSTS)}
    for number, host in enumerate(made.values(), 1):
        network.attach(switch, host)
        host.address("eth0", IPv4Interface(f"10.77.0.{number}/24"), IPv6Interface(f"fd00:77::{number}/64"))
    for name in HOSTS:
        made[name].address("lo", IPv4Interface(SERVED4), IPv6Interface(SERVED6))
    made["router"].route(ip_network(SERVED4), IPv4Address("10.77.0.2"), IPv4Address("10.77.0.3"))
    made["router"].route(ip_network(SERVED6), IPv6Address("fd00:77::2"), IPv6Address("fd00:77::3"))
    yield made
    network.delete_all(lab)


def _connections(host: Namespace) -> list[str]:
    return host.run(["ss", "--tcp", "--no-header", "--numeric"]).stdout.splitlines()


def _are_closed(host: Namespace) -> bool:
    found = _connections(host)
    assert not found, f"{len(found)} connections are not closed, such as {found[0]}"
    return True


@pytest.mark.parametrize("served", [SERVED4, SERVED6], ids=["ipv4", "ipv6"])
def test_last_packet_of_a_connection_takes_the_path_of_the_first(hosts: dict[str, Namespace], served: Address) -> None:
    """Otherwise about half of the servers' ends would be in LAST-ACK for 100 s."""
    with ExitStack() as stack:
        for name in HOSTS:
            argv = [sys.executable, "-c", SERVER, str(served), name]
            server = stack.enter_context(hosts[name].popen(argv, stdout=subprocess.PIPE, text=True))
            stack.callback(server.kill)
            assert server.stdout
            assert server.stdout.readline() == "listening\n"
        ask = [sys.executable, "-m", "tests.stories.asking", str(served), f"--count={REQUESTS}"]
        said = json.loads(hosts["router"].run(ask, cwd=CHECKOUT).stdout.splitlines()[-1])
        assert (sum(said["answers"].values()), set(said["answers"])) == (REQUESTS, set(HOSTS)), said
        for name in HOSTS:
            wait.until(f"the connections of {name} are closed", partial(_are_closed, hosts[name]), seconds=20)


async def _failure(address: tuple[str, int]) -> tuple[type[OSError], bool]:
    """Ask for half a second; return the error, and whether the connection was open."""
    with bound_socket(address[0]) as connection:
        try:
            await ask(connection, address, 0.5)
        except OSError as error:
            return type(error), was_open(connection, error)
    raise AssertionError("it was answered")


async def test_client_knows_whether_a_connection_that_fails_was_open() -> None:
    """A server that is silent, refuses, resets, or whose queue is full, so that the kernel drops the first packet."""
    with ExitStack() as stack:
        silent, full, resets, closed = (stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(4))
        full.listen(0)
        stack.enter_context(socket.create_connection(full.getsockname()))
        refusing = closed.getsockname()
        closed.close()
        resets.setblocking(False)
        resetting = asyncio.create_task(_reset_one(resets))
        assert [await _failure(server.getsockname()) for server in (silent, full, resets)] == [
            (TimeoutError, True),
            (TimeoutError, False),
            (ConnectionResetError, True),
        ]
        assert await _failure(refusing) == (ConnectionRefusedError, False)
        await resetting


async def _reset_one(server: socket.socket) -> None:
    connection, _ = await asyncio.get_running_loop().sock_accept(server)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
