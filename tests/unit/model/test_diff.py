"""The keys whose object differs between two mappings that share their unchanged objects."""

import pytest

from exalb.model.diff import changed_keys

A, B, C = object(), object(), object()
SAME = {"a": A, "b": B}


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        pytest.param(SAME, SAME, [], id="same-mapping"),
        pytest.param({"a": A, "b": B}, {"a": A, "b": B}, [], id="same-objects"),
        pytest.param({"a": A, "b": B}, {"a": C, "b": B}, ["a"], id="replaced"),
        pytest.param({"a": A}, {"a": A, "b": B}, ["b"], id="new-at-the-end"),
        pytest.param({"a": A, "b": B}, {"a": A}, ["b"], id="gone-from-the-end"),
        pytest.param({"a": A, "b": B}, {"b": B}, ["a"], id="gone-from-the-start"),
        pytest.param({"b": B}, {"a": A, "b": C}, ["a", "b"], id="new-at-the-start-and-replaced"),
        pytest.param({"a": A, "b": B}, {"b": B, "a": A}, [], id="another-order"),
    ],
)
def test_changed_keys(old: dict[str, object], new: dict[str, object], changed: list[str]) -> None:
    assert changed_keys(old, new) == changed
