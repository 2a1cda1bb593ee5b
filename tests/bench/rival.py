"""The same table announced by GoBGP, fed by its own client, for comparison with ExaBGP."""

import struct
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from typing import Any

from exalb_bgp.rib import Prefix
from tests.lab.layout import NODE_AS, ROUTER_AS
from tests.lab.network import Namespace
from tests.lab.wait import until

TABLE_DUMP, PEERS, ROUTES = 13, 1, 2
"""TABLE_DUMP_V2 and two of its kinds of records (RFC 6396 §4.3)."""
API = "127.0.0.1"


class Rival:
    """A GoBGP on the node."""

    def __init__(self, node: Namespace, address: IPv4Address) -> None:
        self.node, self.address = node, address
        self.directory = node.state / f"gobgp-{time.monotonic_ns()}"
        self.directory.mkdir(parents=True)

    @contextmanager
    def running(self, routers: Iterable[IPv4Address]) -> Iterator[None]:
        """Run it with sessions to these routers."""
        file = self.directory / "gobgpd.toml"
        file.write_text(_configuration(self.address, routers))
        argv = ["gobgpd", "-f", str(file), "--api-hosts", f"{API}:50051", "--log-plain"]
        with (self.directory / "gobgpd.log").open("w") as log:
            process: subprocess.Popen[Any] = self.node.popen(argv, stdout=log, stderr=log)
        try:
            until("GoBGP answers", self._answers, seconds=10, every=0.005)
            yield
        finally:
            process.terminate()
            process.wait(timeout=10)

    def _answers(self) -> bool:
        return self.node.run(["gobgp", "global"], check=False).returncode == 0

    @contextmanager
    def fed(self, prefixes: Iterable[Prefix]) -> Iterator[float]:
        """Have its client put a whole table in, by a stream of its API; yield when that began, in UNIX time.

        The client loses what it did not send when it ends, so it is kept waiting for more until the block ends.
        """
        dump = b"".join(_records(self.address, prefixes))
        argv = ["gobgp", "mrt", "inject", "global", "/dev/stdin", "--no-ipv6", "--nexthop", str(self.address)]
        begun = time.time()
        client: subprocess.Popen[Any] = self.node.popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert client.stdin
        client.stdin.write(dump)
        client.stdin.flush()
        try:
            yield begun
        finally:
            client.stdin.close()
            client.wait(timeout=10)

    def add(self, prefix: Prefix) -> float:
        """Have its client add one route; return when, in UNIX time."""
        now = time.time()
        self.node.run(["gobgp", "global", "rib", "add", str(prefix), "nexthop", str(self.address)])
        return now


def _configuration(address: IPv4Address, routers: Iterable[IPv4Address]) -> str:
    head = f'[global.config]\nas = {NODE_AS}\nrouter-id = "{address}"\nport = -1\n'
    return head + "".join(
        f'[[neighbors]]\n[neighbors.config]\nneighbor-address = "{router}"\npeer-as = {ROUTER_AS}\n'
        f'[neighbors.transport.config]\nlocal-address = "{address}"\n[neighbors.timers.config]\nconnect-retry = 1\n'
        "[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\n"
        'afi-safi-name = "ipv4-unicast"\n'
        for router in routers
    )


def _records(address: IPv4Address, prefixes: Iterable[Prefix]) -> Iterator[bytes]:
    """Yield a table dump: the peer (RFC 6396 §4.3.1), then each route (§4.3.2)."""
    peer = b"\x02" + address.packed * 2 + struct.pack("!I", NODE_AS)
    yield _record(PEERS, address.packed + struct.pack("!HH", 0, 1) + peer)
    attributes = bytes([0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4]) + address.packed
    entry = struct.pack("!HHIH", 1, 0, 0, len(attributes)) + attributes
    for number, prefix in enumerate(prefixes):
        nlri = bytes([prefix.prefixlen]) + prefix.network_address.packed[: (prefix.prefixlen + 7) // 8]
        yield _record(ROUTES, struct.pack("!I", number) + nlri + entry)


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack("!IHHI", 0, TABLE_DUMP, kind, len(body)) + body
