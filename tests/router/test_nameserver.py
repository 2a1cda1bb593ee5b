"""A nameserver that drops packets: it may itself be a Service behind the routes that wait for the sessions."""

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_network
from pathlib import Path

import pytest

from exalb_bgp.rib import Attributes
from exalb_bgp.session import State
from exalb_bgp.speaker import Speaker
from tests.support.bgp.listener import Listener
from tests.support.engine.process import Node, settled, to

PREFIX = ip_network("198.51.100.1/32")
NAMESERVER = IPv4Address("127.0.0.153")
pytestmark = pytest.mark.xdist_group("nameserver")
"""Only one test at a time can have the port."""
ELSEWHERE = """
set -e
mount --bind "$1/resolv.conf" /etc/resolv.conf
mount --bind "$1/hosts" /etc/hosts
hostname "$2"
shift 2
exec "$@"
"""
"""A shell command that runs its arguments on a host of this name, which only a nameserver would know."""
LOOK_UP = "RES_OPTIONS='timeout:1 attempts:1' getent hosts n1"


@pytest.fixture
def nameserver() -> Iterator[socket.socket]:
    """Return the socket to which queries go; no program reads them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiving:
        receiving.bind((str(NAMESERVER), 53))
        receiving.setblocking(False)
        yield receiving


def queries(nameserver: socket.socket) -> int:
    """Count the queries that came."""
    count = 0
    while True:
        try:
            nameserver.recv(512)
        except BlockingIOError:
            return count
        count += 1


def on_host(directory: Path, name: str) -> list[str]:
    (directory / "resolv.conf").write_text(f"nameserver {NAMESERVER}\nsearch example.com\n")
    (directory / "hosts").write_text("127.0.0.1 localhost\n")
    return ["unshare", "--mount", "--uts", "--", "sh", "-c", ELSEWHERE, "sh", str(directory), name]


@pytest.mark.parametrize("name", ["n1", "n1.example.com"])
async def test_session_opens_without_nameserver(tmp_path: Path, nameserver: socket.socket, name: str) -> None:
    with Node(tmp_path / "engine", inside=on_host(tmp_path, name)) as node:
        async with Listener() as router, node.driver() as driver:
            driver.apply(Speaker({"tor": to(router)}, {"tor": {PREFIX: Attributes()}}))
            await settled(driver)
            assert driver.status().sessions["tor"].state is State.ESTABLISHED
            await router.holds({PREFIX})
    assert queries(nameserver) == 0


async def test_lookup_is_counted(tmp_path: Path, nameserver: socket.socket) -> None:
    node = Node(tmp_path / "engine", inside=[*on_host(tmp_path, "n1"), "sh", "-c", LOOK_UP, "sh"])
    node.supervisor.wait()
    assert queries(nameserver) > 0
