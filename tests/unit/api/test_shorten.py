"""Lists in messages name the first entries, and count the others."""

import pytest

from exalb.api.shorten import shorten_names, shorten_sentences


@pytest.mark.parametrize(
    ("names", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a, b"), (["a", "b", "c"], "a, b and 1 more")],
)
def test_names_are_cut_at_the_limit(names: list[str], text: str) -> None:
    assert shorten_names(names, 2) == text


@pytest.mark.parametrize(
    ("sentences", "text"),
    [(["a", "b"], "a; b"), (["a", "b", "c", "d"], "a; b; and 2 more nodes")],
)
def test_sentences_are_cut_at_the_limit(sentences: list[str], text: str) -> None:
    assert shorten_sentences(sentences, 2, noun="nodes") == text


def test_sentences_that_are_not_given_count_too() -> None:
    assert shorten_sentences(["a", "b"], 2, total=9) == "a; b; and 7 more"
