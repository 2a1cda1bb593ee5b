"""The kernel's filter as a program: which frames it lets pass, by an interpreter of classic BPF."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from exalb_l2 import frames
from exalb_l2.frames import ARP, IPV6, Address, Asked
from exalb_l2.packet_filter import covering, program

OWN, OTHER = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
WEB, WEB6 = IPv4Address("192.0.2.9"), IPv6Address("2001:db8::9")
_TO_US, _TO_OTHERS = 0, 3


def passes(frame: bytes, *addresses: Address, packet_type: int = _TO_US) -> bool:
    """Run the filter of the frame's EtherType."""
    instructions = list(program(int.from_bytes(frame[12:14]), addresses))
    assert len(instructions) < 4096
    accumulator = counter = 0
    while True:
        code, if_true, if_false, operand = instructions[counter]
        counter += 1
        if code == 0x06:
            return operand > 0
        if code == 0x15:
            counter += if_true if accumulator == operand else if_false
        elif code == 0x54:
            accumulator &= operand
        elif operand == 0xFFFFF004:
            accumulator = packet_type
        else:
            accumulator = int.from_bytes(frame[operand : operand + {0x20: 4, 0x28: 2, 0x30: 1}[code]])


SAYING = [
    frames.probe(WEB, OTHER),
    *frames.announcements(WEB, OTHER),
    frames.answer(Asked(WEB, OTHER, IPv4Address("192.0.2.1")), OWN),
    frames.probe(WEB6, OTHER),
    *frames.announcements(WEB6, OTHER),
]


@pytest.mark.parametrize("frame", SAYING)
def test_frame_about_our_address_passes(frame: bytes) -> None:
    assert passes(frame, WEB, WEB6)
    assert not passes(frame)
    assert not passes(frame, ip_address("192.0.2.10"), ip_address("2001:db8::a"))


@pytest.mark.parametrize("frame", SAYING)
def test_frame_of_another_vlan_does_not_pass(frame: bytes) -> None:
    assert not passes(frame, WEB, WEB6, packet_type=_TO_OTHERS)


def test_other_icmpv6_does_not_pass() -> None:
    frame = frames.probe(WEB6, OTHER)
    for at, value in ((20, 6), (21, 64), (54, 128)):
        assert not passes(frame[:at] + bytes((value,)) + frame[at + 1 :], WEB6)


@pytest.mark.parametrize("version", [4, 6])
def test_many_addresses_fit(version: int) -> None:
    first = ip_address("10.0.0.0" if version == 4 else "2001:db8::")
    addresses = [first + 7 * number for number in range(3000)]
    assert len(covering(addresses)) <= 128
    for address in (addresses[0], addresses[-1]):
        assert passes(frames.probe(address, OTHER), *addresses)
    assert not passes(frames.probe(first + (1 << 20), OTHER), *addresses)


def test_ether_types_are_apart() -> None:
    assert {ARP, IPV6} == {int.from_bytes(frame[12:14]) for frame in SAYING}
