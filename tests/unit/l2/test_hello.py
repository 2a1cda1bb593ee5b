"""The packets between candidates, and the goal and the status of the process, are read as written."""

from ipaddress import ip_address, ip_interface

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exalb_l2 import hello
from exalb_l2.goal import (
    Goal,
    Held,
    Interface,
    L2Status,
    Problem,
    Sysctls,
    Wanted,
    goal_line,
    goal_of,
    status_line,
    status_of,
)
from exalb_l2.hello import Part, Table

ADDRESSES = frozenset(ip_address("10.0.0.0") + number for number in range(500))
SIX = frozenset(ip_address("2001:db8::") + number for number in range(100))
ETH0 = Interface("eth0", bytes(range(6)), (ip_interface("10.0.0.1/24"), ip_interface("2001:db8::1/64")))


def parts(table: Table) -> list[Part]:
    packets = list(hello.packets("n1", 7, 9, table, is_reply=True))
    assert max(map(len, packets)) <= 1200
    return [hello.read(packet) for packet in packets]


@pytest.mark.parametrize("table", [Table(), Table(leaving=True), Table(ADDRESSES, SIX), Table(SIX, ADDRESSES)])
def test_table_is_read_as_written(table: Table) -> None:
    found = parts(table)
    assert hello.joined(found) == table
    assert {(part.node, part.instance, part.sequence, part.is_reply) for part in found} == {("n1", 7, 9, True)}
    assert [part.place for part in found] == list(range(found[0].places))


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_junk_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        hello.read(data)


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(0, 255))
def test_damaged_packet_is_read_or_refused(at: int, value: int) -> None:
    packet = bytearray(next(iter(hello.packets("n1", 7, 9, Table(SIX), is_reply=False))))
    packet[at] = value
    try:
        assert hello.read(bytes(packet[:-1] if at % 2 else packet)).places >= 1
    except ValueError:
        return


def test_goal_is_read_as_written() -> None:
    addresses = {ip_address("10.0.0.9"): Wanted(("n1", "n2"), ("eth0",), declined=True), ip_address("::9"): Wanted(())}
    goal = Goal("n1", addresses, {"n1": (ETH0,), "n2": ()})
    assert goal_of(goal_line(goal)) == goal


def test_status_is_read_as_written() -> None:
    held = {ip_address("10.0.0.9"): Held(("eth0",), 12.5)}
    problems = {ip_address("::9"): Problem("02:00:00:00:00:01", "n2")}
    local = {ip_address("10.0.0.9"): "kube-ipvs0"}
    status = L2Status(True, (ETH0,), held, problems, 4, {"eth0": Sysctls(1, 2)}, local)
    assert status_of(status_line(status)) == status


@pytest.mark.parametrize("line", ["", "[]", "{}", '{"node": 1, "addresses": {"x": 1}, "nodes": {}}'])
def test_malformed_lines_are_refused(line: str) -> None:
    for read in (goal_of, status_of):
        with pytest.raises(ValueError, match=r"\S"):
            read(line)


def test_address_is_announced_where_its_subnet_is() -> None:
    other = Interface("eth1", bytes(6), (ip_interface("10.0.0.2/24"), ip_interface("192.0.2.1/24")))
    web, far = ip_address("10.0.0.9"), ip_address("198.51.100.1")
    assert Wanted(()).places(web, (other, ETH0)) == (ETH0,)
    assert Wanted(()).places(far, (other, ETH0)) == ()
    assert Wanted((), ("eth1", "eth7")).places(far, (other, ETH0)) == (other,)
