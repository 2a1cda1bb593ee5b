"""Prefixes packed for the report of a speaker."""

from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network

import pytest

from exalb.api.announced import NOTHING, Announced, Block, Packing, pack, place, unpack

WEB, NEXT, FAR = (IPv4Network(f"198.51.{part}/32") for part in ("100.1", "100.9", "101.0"))


def unpacked(*prefixes: str) -> Announced:
    """Return prefixes that were packed and unpacked."""
    packed = pack(map(ip_network, prefixes))
    assert packed is not None
    found = unpack(packed)
    assert found
    return found


def test_neighbors_share_an_entry() -> None:
    assert pack([WEB, NEXT, FAR]) == ("198.51.100.0/24 AgI", "198.51.101.0/24 AQ")


def test_entries_go_with_their_prefixes() -> None:
    packing = Packing()
    wide = ip_network("198.51.100.0/28")
    for there in (True, False):
        for prefix in (WEB, wide):
            packing.set(prefix, there=there)
        assert packing.entries() == (("198.51.100.0/24 Ag", "198.51.100.0/28") if there else ())


def test_aggregate_and_ipv6_have_entries_of_their_own() -> None:
    packed = pack(map(ip_network, ("2001:db8::1/128", "198.51.100.0/24", "198.51.100.1/32")))
    assert packed == ("198.51.100.0/24 Ag", "2001:db8::/120 Ag", "198.51.100.0/24")


def test_five_thousand_services_of_a_pool_have_twenty_entries() -> None:
    packed = pack(IPv4Network(IPv4Address("198.18.0.0") + number) for number in range(5_000))
    assert packed is not None
    assert (len(packed), max(map(len, packed))) == (20, len("198.18.10.0/24 ") + 43)


def test_scattered_addresses_do_not_fit() -> None:
    assert pack(IPv4Network(IPv4Address("198.18.0.0") + 256 * number) for number in range(257)) is None


@pytest.mark.parametrize("address", ["198.51.100.1", "::1", "2001:db8::ff"])
def test_address_is_found_again(address: str) -> None:
    found = unpacked(address)
    assert ip_address(address) in found
    assert ip_address(address) + 1 not in found


def test_address_of_an_aggregate_is_announced() -> None:
    assert ip_address("198.51.100.7") in unpacked("198.51.100.0/28")
    assert ip_address("198.51.100.17") not in unpacked("198.51.100.0/28")


def test_difference_has_the_addresses_of_one_side() -> None:
    one, other = unpacked("198.51.100.1", "198.51.100.2", "::5"), unpacked("198.51.100.2", "198.51.101.0")
    assert changed(one, other) == set(map(place, map(ip_address, ("198.51.100.1", "::5", "198.51.101.0"))))
    assert not changed(one, one)
    assert changed(NOTHING, one) == set(map(place, map(ip_address, ("198.51.100.1", "198.51.100.2", "::5"))))


def changed(one: Announced, other: Announced) -> set[tuple[Block, int]]:
    """Return the places of the addresses that only one of the two has."""
    return {(block, bit) for block, bits in one.changed(other) for bit in range(256) if bits >> bit & 1}


@pytest.mark.parametrize(
    "entry", ["", "banana", "198.51.100.1/24 Ag", "198.51.100.0/24 *", "198.51.100.0/25 Ag", "10.0.0.0/24 " + "A" * 60]
)
def test_entry_that_no_speaker_writes_is_not_known(entry: str) -> None:
    assert unpack([entry]) is None
