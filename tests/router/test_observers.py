"""The tools of benches and stories: the network of a lab, and the observers of its wires and tables."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network

import pytest

from exalb_bgp.session import Family
from tests.lab.network import Namespace, NetworkError, connect, delete_all, namespaces
from tests.lab.wait import until
from tests.support.bgp.messages import MARKER, Kind
from tests.support.bgp.sniffer import Wire, WireError
from tests.support.kernel import KernelRoutes

LEFT, RIGHT = IPv4Address("10.77.0.1"), IPv4Address("10.77.0.2")
LEFT6, RIGHT6 = IPv6Address("fd00:77::1"), IPv6Address("fd00:77::2")
FOUR, SIX = IPv4Network("198.51.100.0/25"), IPv6Network("2001:db8:100::/63")


@pytest.fixture
def ends(lab: str) -> Iterator[tuple[Namespace, Namespace]]:
    """Create two namespaces and a cable."""
    left, right = Namespace.create(lab, "left"), Namespace.create(lab, "right")
    connect(left, "eth0", right, "eth0")
    left.address("eth0", IPv4Interface(f"{LEFT}/24"), IPv6Interface(f"{LEFT6}/64"))
    right.address("eth0", IPv4Interface(f"{RIGHT}/24"), IPv6Interface(f"{RIGHT6}/64"))
    yield left, right
    delete_all(lab)


def message(kind: Kind, body: bytes = b"") -> bytes:
    return MARKER + struct.pack("!HB", 19 + len(body), kind) + body


def update(withdrawn: bytes = b"", attributes: bytes = b"", nlri: bytes = b"") -> bytes:
    lengths = struct.pack("!H", len(withdrawn)) + withdrawn + struct.pack("!H", len(attributes))
    return message(Kind.UPDATE, lengths + attributes + nlri)


FOUR_ON_WIRE = b"\x19\xc6\x33\x64\x00"
SIX_ON_WIRE = b"\x3f\x20\x01\x0d\xb8\x01\x00\x00\x00"
REACH = b"\x80\x0e\x1e\x00\x02\x01\x10" + bytes(16) + b"\x00" + SIX_ON_WIRE
UNREACH = b"\x90\x0f\x00\x0c\x00\x02\x01" + SIX_ON_WIRE
SPEECH = (
    message(Kind.OPEN, bytes(10)),
    update(nlri=FOUR_ON_WIRE),
    update(attributes=REACH),
    message(Kind.KEEPALIVE),
    update(withdrawn=FOUR_ON_WIRE, attributes=UNREACH),
    update(),
    update(attributes=b"\x80\x0f\x03\x00\x02\x01"),
    message(Kind.NOTIFICATION, b"\x06\x02"),
)


@pytest.mark.parametrize(("source", "address"), [(LEFT, RIGHT), (LEFT6, RIGHT6)], ids=["ipv4", "ipv6"])
def test_messages_in_any_pieces_are_read(
    ends: tuple[Namespace, Namespace], source: IPv4Address | IPv6Address, address: IPv4Address | IPv6Address
) -> None:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    left, right = ends
    begun = time.time()
    with (
        closing(right.open_socket(family, socket.SOCK_STREAM)) as server,
        closing(left.open_socket(family, socket.SOCK_STREAM)) as client,
        Wire(right) as wire,
    ):
        server.bind((str(address), 179))
        server.listen()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.connect((str(address), 179))
        speech = b"".join(SPEECH)
        for at in range(0, len(speech), 7):
            client.sendall(speech[at : at + 7])
        assert source in wire.announced(SIX, by=[source])
        assert begun < wire.withdrawn(SIX, by=[source])[source] < time.time()
        wire.wait(lambda: len(wire.messages) == len(SPEECH), "not every message was read")
        with pytest.raises(WireError, match=str(address)):
            wire.announced(FOUR, by=[source, address], seconds=0.1)
    kinds = [Kind.OPEN, Kind.UPDATE, Kind.UPDATE, Kind.KEEPALIVE, *3 * [Kind.UPDATE], Kind.NOTIFICATION]
    assert [m.kind for m in wire.messages] == kinds
    assert [m.announced for m in wire.updates()] == [{FOUR}, {SIX}, frozenset()]
    assert [m.withdrawn for m in wire.updates()] == [frozenset(), frozenset(), {FOUR, SIX}]
    assert [m.end_of_rib for m in wire.messages if m.end_of_rib] == [Family.IPV4, Family.IPV6]


@pytest.mark.parametrize(
    ("prefix", "gateways"),
    [(FOUR, (RIGHT, IPv4Address("10.77.0.3"))), (SIX, (RIGHT6, IPv6Address("fd00:77::3")))],
    ids=["ipv4", "ipv6"],
)
def test_kernel_reports_routes(
    ends: tuple[Namespace, Namespace],
    prefix: IPv4Network | IPv6Network,
    gateways: tuple[IPv4Address | IPv6Address, ...],
) -> None:
    left, _ = ends
    with KernelRoutes(left) as kernel:
        left.route(prefix, gateways[0])
        came = kernel.reached(prefix, lambda held: held == {gateways[0]})
        left.route(prefix, *gateways)
        changed = kernel.reached(prefix, lambda held: held == set(gateways), after=came)
        left.ip(f"route del {prefix}")
        assert came < changed < kernel.reached(prefix, lambda held: not held, after=changed)


def test_process_runs_without_privilege(ends: tuple[Namespace, Namespace]) -> None:
    left, _ = ends
    output = left.run(["cat", "/proc/self/status"], user=65532).stdout
    fields = dict(line.split(":\t", 1) for line in output.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == ["65532"] * 4
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"] == "1"


def test_sweep_of_lab_ends_its_processes(lab: str, ends: tuple[Namespace, Namespace]) -> None:
    neighbour = Namespace.create(f"{lab}x", "left")
    try:
        sleeper = ends[0].popen(["sleep", "600"])
        until("the program runs", lambda: ends[0].holds(sleeper.pid))
        delete_all(lab)
        assert sleeper.wait(timeout=5) < 0
        assert namespaces(lab) == []
        assert neighbour.exists
    finally:
        neighbour.delete()


def test_failed_command_is_named_with_its_error(ends: tuple[Namespace, Namespace]) -> None:
    with pytest.raises(NetworkError, match=r"link set eth9 up.*Cannot find device"):
        ends[0].ip("link set eth9 up")
