"""The default routers of a node, seen as the kernel changes them."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from ipaddress import ip_interface

import pytest

from tests.lab import wait
from tests.lab.network import Namespace, connect


class Watch:
    """The output of a watcher inside a node."""

    def __init__(self, node: Namespace) -> None:
        command = [sys.executable, "-m", "tests.router.watching"]
        self._process = node.popen(command, user=65532, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.said: list[list[str]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        self.said.extend(json.loads(line) for line in self._process.stdout)

    def until(self, *gateways: str) -> None:
        """Return when the last word is this."""
        wait.until(f"the node's routers are {gateways}", lambda: self.said[-1:] == [list(gateways)])

    def end(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout
        self._process.stdout.close()


@pytest.fixture
def node(lab: str) -> Iterator[Namespace]:
    """Return a node with an interface towards a router, and no route yet."""
    node, router = Namespace.create(lab, "gwn"), Namespace.create(lab, "gwr")
    connect(node, "eth0", router, "eth0")
    node.ip("address flush dev eth0 scope link")
    node.address("eth0", *map(ip_interface, ("203.0.113.11/24", "2001:db8:113::11/64", "fe80::11/64")))
    yield node
    router.delete()
    node.delete()


def test_default_gateways_follow_changes(node: Namespace) -> None:
    watch = Watch(node)
    try:
        watch.until()
        node.ip("route add default via 203.0.113.1 metric 100")
        watch.until("203.0.113.1 eth0 None")
        node.ip("route add default via fe80::1 dev eth0")
        watch.until("203.0.113.1 eth0 None", "fe80::1 eth0 fe80::11")
        node.ip("route add default via 203.0.113.2 metric 50")
        watch.until("203.0.113.2 eth0 None", "fe80::1 eth0 fe80::11")
        node.ip("route del default via 203.0.113.2")
        watch.until("203.0.113.1 eth0 None", "fe80::1 eth0 fe80::11")
        node.ip("route replace default via 2001:db8:113::1")
        watch.until("203.0.113.1 eth0 None", "2001:db8:113::1 eth0 None")
        node.ip("link set eth0 down")
        watch.until()
    finally:
        watch.end()


def test_default_gateways_by_ipv6_next_hop_and_of_equal_cost(node: Namespace) -> None:
    node.ip("route add 0.0.0.0/0 via inet6 fe80::1 dev eth0")
    watch = Watch(node)
    try:
        watch.until("fe80::1 eth0 fe80::11")
        node.ip("route replace 0.0.0.0/0 nexthop via 203.0.113.2 dev eth0 nexthop via 203.0.113.1 dev eth0")
        watch.until("203.0.113.1 eth0 None")
        node.ip("route add ::/0 nexthop via fe80::3 dev eth0 nexthop via fe80::2 dev eth0")
        watch.until("203.0.113.1 eth0 None", "fe80::2 eth0 fe80::11")
    finally:
        watch.end()


def test_replaced_default_route_is_never_missing(node: Namespace) -> None:
    node.ip("route add default via 203.0.113.1")
    watch = Watch(node)
    try:
        watch.until("203.0.113.1 eth0 None")
        node.ip("link set eth0 mtu 1400")
        node.ip(*["route del default", "route add default via 203.0.113.1"] * 2000)
        node.ip("route replace default via 203.0.113.2")
        watch.until("203.0.113.2 eth0 None")
        assert len(watch.said) < 30
    finally:
        watch.end()
