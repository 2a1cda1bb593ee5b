"""Manifests from anybody: nesting and aliases are bounded before they cost memory or the process."""

import pytest

from exalb.kube.documents import MAX_DEPTH, documents_of

LEVELS = 12


def aliases(first: str, level: str) -> str:
    """Return a document in which each level has the one before nine times."""
    rest = (f"a{index}: &a{index} {level}".replace("*", ",".join([f"*a{index - 1}"] * 9)) for index in range(1, LEVELS))
    return "\n".join([f"a0: &a0 {first}", *rest])


HOSTILE = [
    pytest.param(aliases("[x]", "[*]"), "aliases that stand for too many values", id="aliases-of-aliases"),
    pytest.param(aliases("{k: 1}", "{<<: [*]}"), "more than 10000 keys", id="merges-of-merges"),
    pytest.param("&a {x: *a}", "aliases that stand for too many values", id="a-value-in-itself"),
    pytest.param("[" * 200_000, "levels deep", id="deep-in-flow-style"),
    pytest.param("- " * 200_000, "levels deep", id="deep-on-one-line"),
    pytest.param("? " * 200_000, "levels deep", id="deep-in-keys"),
    pytest.param("\n".join(" " * level + "a:" for level in range(MAX_DEPTH + 2)), "levels deep", id="deep-by-indents"),
]


@pytest.mark.parametrize(("text", "says"), HOSTILE)
def test_hostile_document_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        list(documents_of(text))


GOOD = [
    pytest.param(
        "a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}", {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1, "y": 2}}, id="aliases"
    ),
    pytest.param("a: [" + "[], " * 300 + "]", {"a": [[]] * 300}, id="many-brackets"),
    pytest.param("a: '" + "[" * 300 + "'", {"a": "[" * 300}, id="brackets-in-text"),
]


@pytest.mark.parametrize(("text", "value"), GOOD)
def test_good_document_is_read(text: str, value: object) -> None:
    assert list(documents_of(text)) == [value]
