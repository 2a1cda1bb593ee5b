"""Tables that know how they differ from the one before."""

import random
import sys
import tracemalloc

import pytest

from exalb.model.diff import changed_keys
from exalb_bgp.revision import Revised, Revision


def test_revision_is_the_one_before_with_its_changes() -> None:
    first = Revision({"a": 1, "b": 2})
    second = Revision(first, {"b": 3, "a": None, "c": 4, "never": None})
    assert (dict(first), dict(second)) == ({"a": 1, "b": 2}, {"b": 3, "c": 4})
    assert second.changed_since(first) == ("b", "a", "c", "never")


def test_changes_are_known_along_one_line_of_revisions() -> None:
    first = Revision({"a": 1})
    second = Revision(first, {"a": 2})
    third = Revision(second, {"b": 1, "a": 3})
    assert third.changed_since(second) == ("b", "a")
    assert third.changed_since(first) == ("a", "b")
    assert first.changed_since(third) == ("a", "b")
    assert third.changed_since(third) == ()
    assert third.changed_since(dict(second)) is None


def test_changes_of_another_line_are_not_known() -> None:
    first = Revision({"a": 1})
    second, sibling = Revision(first, {"a": 2}), Revision(first, {"b": 3})
    assert (sibling.changed_since(first), sibling.changed_since(second)) == (None, None)
    assert Revision(second, {"c": 1}).changed_since(sibling) is None
    assert Revision(sibling, {"c": 1}).changed_since(sibling) == ("c",)


def test_many_changes_are_not_noted() -> None:
    first = Revision[int, str]()
    second = Revision(first, dict.fromkeys(range(2000), "x"))
    third = Revision(second, dict.fromkeys(range(2000)))
    assert (len(second), len(third)) == (2000, 0)
    assert (second.changed_since(first), third.changed_since(second)) == (None, None)


def size(table: Revision[int, str]) -> int:
    """Return the octets of the tables in a revision, without their entries."""
    return sum(map(sys.getsizeof, table.parts)) + sys.getsizeof(table.journal)


def test_table_that_lost_much_is_small() -> None:
    second = Revision(Revision[int, str](), dict.fromkeys(range(2000), "x"))
    third = Revision(second, dict.fromkeys(range(2000)))
    assert size(third) < size(second) / 10


def test_change_takes_no_memory_for_what_stays() -> None:
    table = Revision(Revision[int, str](), dict.fromkeys(range(100_000), "x"))
    tracemalloc.start()
    after = Revision(table, {7: "y", 8: None, -1: "z"})
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5_000
    assert (after[7], after.get(8), after.get(8, "gone"), after[-1], after[9]) == ("y", None, "gone", "z", "x")
    assert (8 in after, 9 in after, len(after)) == (False, True, 100_000)
    with pytest.raises(KeyError, match="8"):
        after[8]


def test_few_changes_lie_over_a_table() -> None:
    table = Revision(Revision[int, str](), dict.fromkeys(range(2000), "x"))
    for number in range(1000):
        table = Revision(table, {number: "y"})
        assert len(table.parts[1]) <= 256


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
            assert list(zip(now, now.values(), strict=True)) == list(now.items())
            assert (len(now), set(now.keys())) == (len(plain), set(plain))
            assert set(changed_keys(before, now)) == set(changed_keys(dict(before), dict(now)))
            before = now
