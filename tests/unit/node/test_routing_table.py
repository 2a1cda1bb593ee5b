"""Default gateways, read from messages of the kernel; tests/router/test_gateways.py reads those of a real one."""

import struct
import sys
from ipaddress import ip_address

import pytest

from exalb.node.routing_table import default_gateways, link_locals
from exalb_process.netlink_messages import ends_dump

OWN = "fe8000000000000000fc00fffe000001 04 40 20 80     eth0\nfd000000000000000000000000000002 04 40 00 82     eth0\n"
NAMES = {4: "eth0", 5: "eth1"}
MAIN, UNICAST = 254, 1
DST, OIF, GATEWAY, PRIORITY, MULTIPATH, VIA = 1, 4, 5, 6, 9, 18


def attribute(kind: int, body: bytes) -> bytes:
    """Return one attribute of a message, padded to four octets."""
    return struct.pack("=HH", 4 + len(body), kind) + body + b"\0" * (-len(body) % 4)


def number(kind: int, value: int) -> bytes:
    """Return an attribute with a number."""
    return attribute(kind, value.to_bytes(4, sys.byteorder))


def gateway(address: str, *, via: bool = False) -> bytes:
    """Return the attribute with a next hop; `via` is one of another family than the route."""
    packed = ip_address(address).packed
    return attribute(VIA, struct.pack("=H", 10) + packed) if via else attribute(GATEWAY, packed)


def hop(address: str, interface: int = 4, flags: int = 0, *, via: bool = False) -> bytes:
    """Return one next hop of several."""
    body = gateway(address, via=via)
    return struct.pack("=HBBi", 8 + len(body), flags, 0, interface) + body


def message(kind: int, body: bytes) -> bytes:
    """Return one message."""
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body


def route(
    *attributes: bytes, family: int = 2, length: int = 0, table: int = MAIN, kind: int = UNICAST, flags: int = 0
) -> bytes:
    """Return a route; a default route of IPv4 by default."""
    head = struct.pack("=BBBBBBBBI", family, length, 0, 0, table, 3, 0, kind, flags)
    return message(24, head + b"".join(attributes))


def v4(address: str, metric: int = 0, **more: int) -> bytes:
    """Return a route with an IPv4 next hop behind eth0."""
    return route(number(OIF, 4), number(PRIORITY, metric), gateway(address), **more)


def v6(address: str, metric: int = 1024, **more: int) -> bytes:
    """Return an IPv6 route behind eth0."""
    return route(number(OIF, 4), number(PRIORITY, metric), gateway(address), family=10, **more)


LOW, HIGH, LOCAL = "198.51.100.1", "198.51.100.254", "fe80::1"
FIRST = f"{LOW} eth0 None"
UNNUMBERED = "fe80::1 eth0 fe80::fc:ff:fe00:1"


@pytest.mark.parametrize(
    ("routes", "says"),
    [
        pytest.param([], [], id="no-route"),
        pytest.param([v4(LOW)], [FIRST], id="ipv4"),
        pytest.param([v4(LOW, 100), v4(HIGH)], [f"{HIGH} eth0 None"], id="best-metric"),
        pytest.param([v4("198.51.100.2"), v4(LOW)], [FIRST], id="lowest-of-equal-routes"),
        pytest.param(
            [route(attribute(MULTIPATH, hop(HIGH, 5) + hop(LOW, 4)))], [FIRST], id="lowest-of-equal-next-hops"
        ),
        pytest.param(
            [route(attribute(MULTIPATH, hop(LOW, 4, 0x01) + hop(LOW, 4, 0x10) + hop(HIGH, 5)))],
            [f"{HIGH} eth1 None"],
            id="next-hop-that-is-dead-or-down",
        ),
        pytest.param([route(number(OIF, 4), gateway(LOCAL, via=True))], [UNNUMBERED], id="ipv4-by-ipv6-next-hop"),
        pytest.param(
            [route(attribute(MULTIPATH, hop("fe80::2", via=True) + hop(LOCAL, via=True)))],
            [UNNUMBERED],
            id="ipv4-by-several-ipv6-next-hops",
        ),
        pytest.param([route(number(OIF, 4))], [], id="on-link"),
        pytest.param([v4(LOW, flags=0x10)], [], id="link-down"),
        pytest.param([v4(LOW, kind=7)], [], id="unreachable"),
        pytest.param([v4(LOW, length=24)], [], id="to-a-network"),
        pytest.param([v4(LOW, table=10)], [], id="of-another-table"),
        pytest.param([route(number(OIF, 9), gateway(LOW))], [], id="interface-without-name"),
        pytest.param([v6("fd00::1")], ["fd00::1 eth0 None"], id="ipv6"),
        pytest.param([v6(LOCAL)], [UNNUMBERED], id="ipv6-link-local"),
        pytest.param([v6("fd00::1", 1025), v6(LOCAL)], [UNNUMBERED], id="ipv6-best-metric"),
        pytest.param([v6(LOCAL, flags=0x200)], [], id="ipv6-cloned"),
        pytest.param([v4(LOW), v6("fd00::1")], [FIRST, "fd00::1 eth0 None"], id="both"),
        pytest.param([message(3, b"\0" * 4), v4(LOW)], [FIRST], id="other-messages"),
        pytest.param([v4(LOW), b"\0" * 40], [FIRST], id="message-without-length"),
    ],
)
def test_default_gateways(routes: list[bytes], says: list[str]) -> None:
    found = default_gateways(b"".join(routes), NAMES, link_locals(OWN))
    assert [" ".join(map(str, gateway)) for gateway in found.values()] == says


def test_dump_ends_with_done_or_an_error() -> None:
    assert not ends_dump(b"")
    assert not ends_dump(v4(LOW))
    assert ends_dump(v4(LOW) + message(3, b"\0" * 4))
    assert ends_dump(message(2, b"\0" * 20))


@pytest.mark.parametrize(
    ("addresses", "own"),
    [
        pytest.param("", "None", id="none"),
        pytest.param(OWN.replace("20 80", "20 c0"), "None", id="tentative"),
        pytest.param(OWN.replace("20 80", "20 88"), "None", id="another-node's"),
        pytest.param(OWN + OWN.replace("0001 04", "0000 04"), "fe80::fc:ff:fe00:0", id="lowest"),
        pytest.param(OWN.replace("eth0", "eth1"), "None", id="of-another-interface"),
    ],
)
def test_link_local_address_of_the_node(addresses: str, own: str) -> None:
    (found,) = default_gateways(v6(LOCAL), NAMES, link_locals(addresses)).values()
    assert str(found.link_local) == own


def test_link_local_addresses_by_interface() -> None:
    lines = (
        OWN + OWN.replace("eth0", "eth1").replace("0001 04", "0002 05") + OWN.replace("20 80     eth0", "20 c0 eth2")
    )
    found = {interface: str(address) for interface, address in link_locals(lines).items()}
    assert found == {"eth0": "fe80::fc:ff:fe00:1", "eth1": "fe80::fc:ff:fe00:2"}
