"""Comparing two tables: the fast comparison finds the same changes as the simple one."""

from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from exalb_bgp.rib import Attributes, Prefix, Rib, changed, diff

PREFIXES: list[Prefix] = [ip_network((0xC6336400 + number, 32)) for number in range(12)]
ATTRIBUTES = [Attributes(med=med) for med in range(3)]
TABLES = st.lists(st.tuples(st.sampled_from(PREFIXES), st.sampled_from(ATTRIBUTES)), max_size=12).map(dict)


@given(TABLES, TABLES)
def test_every_difference_is_found(old: Rib, new: Rib) -> None:
    delta = diff(old, new)
    found = list(changed(old, new))
    assert {*delta.announce, *delta.withdraw} <= set(found)
    assert len(found) == len(set(found))


@given(TABLES)
def test_a_table_does_not_differ_from_itself(table: Rib) -> None:
    assert list(changed(table, dict(table))) == []


@given(TABLES, st.sampled_from(PREFIXES), st.sampled_from([None, *ATTRIBUTES]))
def test_one_change_is_found_alone(table: Rib, prefix: Prefix, attributes: Attributes | None) -> None:
    new = dict(table)
    new.pop(prefix, None)
    if attributes is not None:
        new = {**table, prefix: attributes}
    assert set(changed(table, new)) <= {prefix}


@given(TABLES, TABLES)
def test_a_difference_applied_is_the_goal(old: Rib, new: Rib) -> None:
    delta = diff(old, new)
    table = {prefix: attributes for prefix, attributes in old.items() if prefix not in delta.withdraw}
    assert {**table, **delta.announce} == new
