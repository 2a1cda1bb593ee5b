"""The texts of prefixes: remembered ones are those of the same prefixes."""

from ipaddress import ip_network

import pytest

from exalb_bgp.exabgp.driver.prefix_texts import PrefixTexts
from exalb_bgp.rib import Prefix

PREFIXES: list[Prefix] = [ip_network((0xC6336400 + number, 32)) for number in range(5000)]
SIX = ip_network("2001:db8::1/128")


def test_list_with_the_same_beginning_has_its_own_text() -> None:
    texts, first, second, third = PrefixTexts(), PREFIXES[0], PREFIXES[1], PREFIXES[2]
    assert texts.join((first, second)) == f"{first} {second}"
    assert texts.join((first, third)) == f"{first} {third}"
    assert texts.join((first,)) == str(first)
    assert texts.join((first, second, SIX)) == f"{first} {second} {SIX}"


def test_prefix_is_read_as_the_object_that_was_written() -> None:
    texts = PrefixTexts()
    texts.join(PREFIXES[:1000])
    assert all(texts.read(str(prefix)) is prefix for prefix in PREFIXES[:1000])


def test_few_are_kept() -> None:
    texts = PrefixTexts()
    for start in range(0, len(PREFIXES), 50):
        texts.join(PREFIXES[start : start + 50])
    kept = [prefix for prefix in PREFIXES if texts.read(str(prefix)) is prefix]
    assert kept == PREFIXES[-len(kept) :]
    assert 1000 < len(kept) <= 2100
    assert all(texts.read(str(prefix)) == prefix for prefix in PREFIXES)


def test_other_text_is_no_prefix() -> None:
    with pytest.raises(ValueError, match="wisdom"):
        PrefixTexts().read("wisdom")
