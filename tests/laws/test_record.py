"""The record of assigned addresses reads back as it was written, and no text makes its reader fail."""

import json
from ipaddress import IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from exalb.model.address_record import AddressRecord, format_record, parse_record
from exalb.model.ports import Port
from exalb.model.sharing_terms import SharingTerms
from exalb_bgp.rib import Address

names = st.text(max_size=20)
ports = st.builds(Port, st.sampled_from(["TCP", "UDP", "SCTP"]), st.integers(1, 65535) | st.integers(80, 90))
terms = st.builds(SharingTerms, names, st.frozensets(ports), names, st.frozensets(names))
usable: st.SearchStrategy[Address] = st.ip_addresses(v=4) | st.integers(1, 2**96 - 1).map(
    lambda high: IPv6Address(high << 32)
)
records = st.builds(AddressRecord, st.frozensets(usable, max_size=4), st.none() | terms)
numbers = st.integers(-5, 70000) | st.floats() | st.none()
junk = st.recursive(numbers | st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(records)
def test_record_reads_back(record: AddressRecord) -> None:
    assert parse_record(format_record(record)) == record


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    parse_record(text)


@given(st.fixed_dictionaries({"version": st.just(1), "addresses": junk, "sharing": junk}))
def test_any_content_is_read(content: object) -> None:
    parse_record(json.dumps(content))
