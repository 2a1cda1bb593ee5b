"""Durations of Go in whole seconds."""

import pytest

from exalb.migration.durations import seconds


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0", 0),
        ("0s", 0),
        ("90s", 90),
        ("9m0s", 540),
        ("1h2m3.5s", 3723),
        ("1.5h", 5400),
        ("2999ms", 2),
        (".5m", 30),
        ("1000000us", 1),
    ],
)
def test_seconds(text: str, wanted: int) -> None:
    assert seconds(text) == wanted


@pytest.mark.parametrize("text", ["", "9", "s", "9 s", "-9s", "9d", "soon", "9s ", "9s8"])
def test_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        seconds(text)
