"""Packets on the wire: what is read, and what must be discarded (RFC 5880 §6.8.6)."""

import pytest

from exalb_bfd.packet import LENGTH, Packet, State, build, parse

PLAIN = Packet(State.UP, 3, 3, 7, 9, 300_000, 200_000, poll=True)


def test_packet_is_as_the_rfc_draws_it() -> None:
    octets = "23 e8 03 18 00000007 00000009 000493e0 00030d40 00000000"
    assert build(PLAIN) == bytes.fromhex(octets)


@pytest.mark.parametrize("packet", [PLAIN, Packet(State.DOWN, 0, 1, 1, 0, 1, 0, final=True, independent=False)])
def test_packet_is_read_as_written(packet: Packet) -> None:
    assert parse(build(packet)) == packet
    assert parse(build(packet) + b"more") == packet


def with_octet(at: int, value: int) -> bytes:
    octets = bytearray(build(PLAIN))
    octets[at] = value
    return bytes(octets)


@pytest.mark.parametrize(
    "data",
    {
        "empty": b"",
        "short": build(PLAIN)[:-1],
        "version 0": with_octet(0, 0x03),
        "version 2": with_octet(0, 0x43),
        "length too small": with_octet(3, LENGTH - 1),
        "length beyond the end": with_octet(3, LENGTH + 1),
        "multiplier 0": with_octet(2, 0),
        "discriminator 0": with_octet(7, 0),
        "Up without my discriminator": with_octet(11, 0),
        "multipoint": with_octet(1, 0xE9),
        "authenticated": with_octet(1, 0xEC),
        "poll and final": with_octet(1, 0xF8),
    }.values(),
)
def test_malformed_packet_is_discarded(data: bytes) -> None:
    assert parse(data) is None
