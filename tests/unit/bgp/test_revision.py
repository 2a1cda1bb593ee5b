"""Tables that know how they differ from the one before."""

import random
from collections.abc import Mapping

import pytest

from exalb.model.diff import changed_keys
from exalb_bgp.revision import Revised, Revision


def test_revision_is_the_one_before_with_its_changes() -> None:
    first = Revision({"a": 1, "b": 2})
    second = Revision(first, {"b": 3, "a": None, "c": 4, "never": None})
    assert (dict(first), dict(second)) == ({"a": 1, "b": 2}, {"b": 3, "c": 4})
    assert second.changed_since(first) == ("b", "a", "c", "never")


def test_only_the_one_before_is_known() -> None:
    first = Revision({"a": 1})
    second, sibling = Revision(first, {"a": 2}), Revision(first, {"a": 3})
    third = Revision(second, {"b": 1})
    others: list[Mapping[str, int]] = [first, sibling, third, dict(second)]
    assert [third.changed_since(other) for other in others] == [None] * 4
    assert third.changed_since(second) == ("b",)


def test_many_changes_are_not_kept() -> None:
    first = Revision[int, str]()
    second = Revision(first, dict.fromkeys(range(1000), "x"))
    third = Revision(second, dict.fromkeys(range(1000)))
    assert (len(second), len(third)) == (1000, 0)
    assert (second.changed_since(first), third.changed_since(second)) == (None, None)
    assert third.__sizeof__() < second.__sizeof__() / 10


def test_table_without_a_change_makes_no_revision() -> None:
    table, value = Revised[str, object](), object()
    table.set("a", value)
    first = table.revision()
    table.set("a", value)
    table.set("b", None)
    table.set("c", value)
    table.set("c", None)
    assert table.revision() is first


@pytest.mark.parametrize("seed", range(20))
def test_table_changes_as_a_dict_does(seed: int) -> None:
    chance, table, plain = random.Random(seed), Revised[int, object](), dict[int, object]()
    before = table.revision()
    for _ in range(300):
        key, value = chance.randrange(12), chance.choice([None, object()])
        table.set(key, value)
        if value is None:
            plain.pop(key, None)
        else:
            plain[key] = value
        assert (key in table, table.get(key)) == (key in plain, plain.get(key))
        if chance.random() < 0.3:
            now = table.revision()
            assert dict(now) == plain
            assert set(changed_keys(before, now)) == set(changed_keys(dict(before), dict(now)))
            before = now
