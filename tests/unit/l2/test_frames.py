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
    }
    assert {name: replies.to(frame) for name, frame in others.items()} == dict.fromkeys(others)
    replies.prepare([])
    assert replies.to(request) is None


SOLICITED, SOURCE_LINK = frames.solicited_node(WEB6), bytes((1, 1)) + OTHER


def solicitation(source: IPv6Address, to: IPv6Address, options: bytes = b"", kind: int = 135) -> bytes:
    """Write a message about WEB6 as RFC 4861 §4.3 draws it, from the MAC address OTHER."""
    body = bytes((kind, 0, 0, 0)) + bytes(4) + WEB6.packed + options
    head = bytes.fromhex("60000000") + len(body).to_bytes(2) + bytes((58, 255)) + source.packed + to.packed
    frame = b"\x33\x33" + to.packed[12:] + OTHER + b"\x86\xdd" + head + body
    return frame[:56] + (0xFFFF - total(frame)).to_bytes(2) + frame[58:]


def total(frame: bytes) -> int:
    """Add up what the checksum of an IPv6 frame is about (RFC 8200 §8.1)."""
    length = int.from_bytes(frame[18:20])
    data = frame[22 : 54 + length] + length.to_bytes(4) + (58).to_bytes(4)
    found = sum(high << 8 | low for high, low in zip(data[0::2], data[1::2], strict=True))
    while found >> 16:
        found = (found & 0xFFFF) + (found >> 16)
    return found


UNSPECIFIED, NONCE, MTU = IPv6Address("::"), bytes((14, 1, *range(6))), bytes((5, 1, *bytes(6)))
QUESTIONS = {
    "to the group": (solicitation(HOST6, SOLICITED, SOURCE_LINK), HOST6),
    "to the address": (solicitation(HOST6, WEB6), HOST6),
    "with another option": (solicitation(HOST6, SOLICITED, MTU + SOURCE_LINK), HOST6),
    "search for a duplicate": (solicitation(UNSPECIFIED, SOLICITED), UNSPECIFIED),
    "with a nonce": (solicitation(UNSPECIFIED, SOLICITED, NONCE), UNSPECIFIED),
}


@pytest.mark.parametrize(("question", "source"), QUESTIONS.values(), ids=list(QUESTIONS))
def test_prepared_advertisement_is_the_answer(question: bytes, source: IPv6Address) -> None:
    asked = Asked(WEB6, OTHER, source)
    replies = frames.PreparedReplies(OWN)
    replies.prepare([WEB, WEB6])
    assert said(question) == [asked]
    for frame in (question, question + bytes(4)):
        assert replies.to(frame) == frames.answer(asked, OWN)
    replies.prepare([WEB])
    assert replies.to(question) is None


def test_answer_is_sent_to_the_mac_address_of_the_option() -> None:
    question = solicitation(HOST6, SOLICITED, bytes((1, 1)) + OWN)
    replies = frames.PreparedReplies(OWN)
    replies.prepare([WEB6])
    assert said(question) == [Asked(WEB6, OWN, HOST6)]
    assert (replies.to(question) or b"")[:6] == OWN


@pytest.mark.parametrize("address", [IPv6Address(number * 0x1234_5678_9ABC_DEF1) for number in (1, 77, 0xFFFF << 40)])
def test_checksum_of_a_prepared_advertisement_is_right(address: IPv6Address) -> None:
    replies = frames.PreparedReplies(OWN)
    replies.prepare([WEB6])
    assert total(replies.to(solicitation(address, WEB6)) or b"") == 0xFFFF


def summed(frame: bytes) -> bytes:
    """Give a frame the right checksum."""
    bare = frame[:56] + bytes(2) + frame[58:]
    return bare[:56] + (0xFFFF - total(bare)).to_bytes(2) + bare[58:]


_VALID = solicitation(HOST6, SOLICITED, SOURCE_LINK)
INVALID = {
    "checksum": _VALID[:56] + bytes(2) + _VALID[58:],
    "hop limit": _VALID[:21] + b"\x40" + _VALID[22:],
    "code": summed(_VALID[:55] + b"\x01" + _VALID[56:]),
    "next header": _VALID[:20] + b"\x11" + _VALID[21:],
    "ethertype": _VALID[:12] + b"\x08\x00" + _VALID[14:],
    "option without a length": solicitation(HOST6, SOLICITED, bytes((1, 0)) + OTHER),
    "option that is cut off": solicitation(HOST6, SOLICITED, bytes((1, 2)) + OTHER),
    "longer than the frame": summed(_VALID[:18] + (40).to_bytes(2) + _VALID[20:]),
    "too short": summed(_VALID[:18] + (16).to_bytes(2) + _VALID[20:]),
    "search for a duplicate with an option": solicitation(UNSPECIFIED, SOLICITED, SOURCE_LINK),
    "search for a duplicate, to one host": solicitation(UNSPECIFIED, WEB6),
}
"""Solicitations that hosts must ignore (RFC 4861 §7.1.1)."""


@pytest.mark.parametrize("frame", INVALID.values(), ids=list(INVALID))
def test_invalid_solicitation_has_no_answer(frame: bytes) -> None:
    replies = frames.PreparedReplies(OWN)
    replies.prepare([WEB6])
    assert (said(frame), replies.to(frame)) == ([], None)


def test_advertisement_and_question_for_another_address_have_no_answer() -> None:
    replies = frames.PreparedReplies(OWN)
    replies.prepare([WEB6])
    assert replies.to(frames.announcements(WEB6, OTHER)[0]) is None
    assert replies.to(frames.probe(HOST6, OTHER)) is None


def test_advertisement_with_a_wrong_checksum_claims_nothing() -> None:
    frame = frames.announcements(WEB6, OTHER)[0]
    assert said(frame[:56] + bytes(2) + frame[58:]) == []


@pytest.mark.parametrize(
    ("frame", "address"),
    [
        *((frame, WEB) for frame in frames.announcements(WEB, OTHER)),
        (frames.announcements(WEB6, OTHER)[0], WEB6),
        (frames.answer(Asked(WEB, OTHER, HOST), OWN), WEB),
    ],
)
def test_claimed_address_is_found_without_reading(frame: bytes, address: IPv4Address | IPv6Address) -> None:
    assert frames.claimed(frame) == address.packed


def test_solicitation_claims_nothing() -> None:
    assert frames.claimed(_VALID) == b""


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
    assert total(frame) == 0xFFFF


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


def test_other_icmpv6_is_ignored() -> None:
    assert said(solicitation(HOST6, SOLICITED, kind=128)) == []


def test_short_frames_are_ignored() -> None:
    for frame in (frames.probe(WEB, OWN), frames.probe(WEB6, OWN)):
        assert not [length for length in range(len(frame)) if said(frame[:length])]
