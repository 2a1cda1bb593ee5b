"""Ranges and addresses as numbers, never counted out; what is refused is in the table of specs."""

from ipaddress import ip_address, ip_network

import pytest

from exalb.api.address_ranges import AddressRange, parse_address
from exalb.validation.pools import merge


def ranges(*texts: str) -> list[str]:
    """Return ranges in one form."""
    return [str(one) for one in merge(AddressRange.parse(text) for text in texts)]


@pytest.mark.parametrize(
    ("text", "said", "size"),
    [
        pytest.param("198.51.100.0/24", "198.51.100.0-198.51.100.255", 256, id="cidr"),
        pytest.param("198.51.100.7/32", "198.51.100.7-198.51.100.7", 1, id="one"),
        pytest.param(" 198.51.100.7 - 198.51.100.9 ", "198.51.100.7-198.51.100.9", 3, id="range-with-spaces"),
        pytest.param("10.0.0.0/8", "10.0.0.0-10.255.255.255", 1 << 24, id="large"),
        pytest.param("2001:DB8::/64", "2001:db8::-2001:db8::ffff:ffff:ffff:ffff", 1 << 64, id="larger-than-64-bits"),
    ],
)
def test_a_range(text: str, said: str, size: int) -> None:
    found = AddressRange.parse(text)
    assert (str(found), found.size) == (said, size)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        pytest.param(["198.51.100.128/25", "198.51.100.0/25"], ["198.51.100.0-198.51.100.255"], id="touching"),
        pytest.param(
            ["198.51.100.0/30", "198.51.100.5/32"],
            ["198.51.100.0-198.51.100.3", "198.51.100.5-198.51.100.5"],
            id="one-apart",
        ),
        pytest.param(["198.51.100.0/24", "198.51.100.3/32"], ["198.51.100.0-198.51.100.255"], id="inside"),
        pytest.param(
            ["2001:db8::/127", "198.51.100.0/31"],
            ["198.51.100.0-198.51.100.1", "2001:db8::-2001:db8::1"],
            id="families-apart",
        ),
    ],
)
def test_ranges_are_put_together(texts: list[str], said: list[str]) -> None:
    assert ranges(*texts) == said


def test_a_range_covers_what_lies_in_it_to_both_ends() -> None:
    found = AddressRange.parse("198.51.100.4-198.51.100.8")
    assert [found.covers(ip_network(f"198.51.100.{part}")) for part in ("4/30", "4/31", "8/32", "8/31", "0/29")] == [
        *(True, True, True, False, False)
    ]
    assert not found.covers(ip_network("::c633:6404/128"))
    assert [ip_address(f"198.51.100.{host}") in found for host in (3, 4, 8, 9)] == [False, True, True, False]
    assert ip_address("::c633:6404") not in found


@pytest.mark.parametrize(
    ("cut", "left"),
    [
        pytest.param("198.51.100.9/32", ["198.51.100.4-198.51.100.8"], id="next-to-it"),
        pytest.param("198.51.100.4-198.51.100.5", ["198.51.100.6-198.51.100.8"], id="front"),
        pytest.param("198.51.100.8-198.51.100.20", ["198.51.100.4-198.51.100.7"], id="back"),
        pytest.param("198.51.100.6/32", ["198.51.100.4-198.51.100.5", "198.51.100.7-198.51.100.8"], id="middle"),
        pytest.param("198.51.100.0/24", [], id="all"),
    ],
)
def test_a_range_without_another(cut: str, left: list[str]) -> None:
    found = AddressRange.parse("198.51.100.4-198.51.100.8")
    assert [str(one) for one in found.without(AddressRange.parse(cut))] == left


@pytest.mark.parametrize("text", ["::fffe:0:0/95", "::1:0-::ffff:0:1:0"])
def test_ipv4_in_ipv6_dress_is_in_no_range(text: str) -> None:
    with pytest.raises(ValueError, match="no Service can use: ::ffff"):
        AddressRange.parse(text)


@pytest.mark.parametrize("text", ["", "x", "1.2.3", "1.2.3.4/32", "01.2.3.4", "::1%eth0", "::ffff:1.2.3.4", " ::1"])
def test_invalid_address_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an IP address: write it"):
        parse_address(text)
