"""Frames of ARP and NDP: what is read, and what is sent (RFC 826, RFC 4861)."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from exalb_l2 import frames
from exalb_l2.frames import Asked, Claimed

OWN, OTHER = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
WEB, WEB6 = IPv4Address("192.0.2.9"), IPv6Address("2001:db8::9")
HOST, HOST6 = IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")


def said(frame: bytes) -> list[Asked | Claimed]:
    return list(frames.read(frame))


def test_arp_request_is_as_the_rfc_draws_it() -> None:
    request = bytes.fromhex(
        "ffffffffffff 020000000002 0806 0001 0800 06 04 0001 020000000002 c0000201 000000000000 c0000209"
    )
    assert said(request) == [Claimed(HOST, OTHER), Asked(WEB, OTHER, HOST)]
    reply = bytes.fromhex(
        "020000000002 020000000001 0806 0001 0800 06 04 0002 020000000001 c0000209 020000000002 c0000201"
    )
    assert frames.answer(Asked(WEB, OTHER, HOST), OWN) == reply
    assert said(reply) == [Claimed(WEB, OWN)]


@pytest.mark.parametrize("source", [HOST, IPv4Address("0.0.0.0")], ids=["question", "probe"])
def test_prepared_reply_is_the_answer(source: IPv4Address) -> None:
    replies = frames.PreparedReplies(OWN)
    replies.prepare([WEB, WEB6])
    head, target = bytes.fromhex("ffffffffffff 020000000002 0806 0001 0800 06 04"), bytes(6) + WEB.packed
    request = head + bytes.fromhex("0001") + OTHER + source.packed + target
    assert replies.to(request) == frames.answer(Asked(WEB, OTHER, source), OWN)
    assert replies.to(request + bytes(18)) == frames.answer(Asked(WEB, OTHER, source), OWN), "padded to 60 octets"
    others = {
        "a reply": head + bytes.fromhex("0002") + OTHER + source.packed + target,
        "another address": request[:38] + HOST.packed,
        "another kind of network": request[:14] + bytes.fromhex("0006") + request[16:],
        "a part": request[:41],
        "IPv6": frames.probe(WEB6, OTHER),
    }
    assert {name: replies.to(frame) for name, frame in others.items()} == dict.fromkeys(others)
    replies.prepare([])
    assert replies.to(request) is None


def test_gratuitous_arp_claims_and_asks_nothing() -> None:
    """The reply has the sender's own MAC address as target: else Linux ignores it for a second after a change."""
    request, reply = frames.announcements(WEB, OWN)
    assert said(request) == said(reply) == [Claimed(WEB, OWN)]
    assert (request[:6], reply[32:38]) == (b"\xff" * 6, OWN)


@pytest.mark.parametrize("address", [WEB, WEB6])
def test_probe_asks_and_claims_nothing(address: IPv4Address | IPv6Address) -> None:
    unspecified = ip_address("0.0.0.0" if address.version == 4 else "::")
    (asked,) = said(frames.probe(address, OWN))
    assert asked == Asked(address, OWN, unspecified)


def test_solicitation_is_answered_with_solicited_and_override() -> None:
    answer = frames.answer(Asked(WEB6, OTHER, HOST6), OWN)
    assert said(answer) == [Claimed(WEB6, OWN)]
    assert (answer[:6], answer[58:62]) == (OTHER, bytes.fromhex("60000000"))
    assert answer[22:38] == WEB6.packed
    assert answer[38:54] == HOST6.packed


def test_search_for_a_duplicate_is_answered_to_all() -> None:
    answer = frames.answer(Asked(WEB6, OTHER, IPv6Address("::")), OWN)
    assert (answer[:6], answer[58:62]) == (bytes.fromhex("333300000001"), bytes.fromhex("20000000"))
    assert answer[38:54] == IPv6Address("ff02::1").packed


@pytest.mark.parametrize("frame", [frames.probe(WEB6, OWN), *frames.announcements(WEB6, OWN)])
def test_checksum_is_right(frame: bytes) -> None:
    body = frame[54:]
    pseudo = frame[22:54] + len(body).to_bytes(4) + (58).to_bytes(4)
    words = (pseudo + body)[0::2], (pseudo + body)[1::2]
    total = sum(high << 8 | low for high, low in zip(*words, strict=True))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    assert total == 0xFFFF


@pytest.mark.parametrize(
    ("at", "value"),
    {
        "ethertype": (12, b"\x08\x00"),
        "hardware": (14, b"\x00\x06"),
        "protocol": (16, b"\x86\xdd"),
        "operation": (20, b"\x00\x03"),
    }.values(),
)
def test_other_arp_is_ignored(at: int, value: bytes) -> None:
    frame = frames.announcements(WEB, OWN)[0]
    assert said(frame[:at] + value + frame[at + len(value) :]) == []


@pytest.mark.parametrize(
    ("at", "value"), {"hop limit": (21, b"\x40"), "code": (55, b"\x01"), "type": (54, b"\x80")}.values()
)
def test_other_icmpv6_is_ignored(at: int, value: bytes) -> None:
    """A hop limit below 255 shows that a router forwarded it (RFC 4861 §7.1)."""
    frame = frames.probe(WEB6, OWN)
    assert said(frame[:at] + value + frame[at + len(value) :]) == []


def test_short_frames_are_ignored() -> None:
    for frame in (frames.probe(WEB, OWN), frames.probe(WEB6, OWN)):
        assert not [length for length in range(len(frame)) if said(frame[:length])]
