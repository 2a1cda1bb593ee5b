"""The page about performance has every part of a run, and a table that Markdown reads."""

from typing import Any

import pytest

from tests.support.performance_page import TITLES, render

FIGURE: dict[str, Any] = {
    "text": "memory, a | b",
    "metallb": "1 | 2",
    "aim": "≤ 3",
    "shown": "4, 5",
    "n": 2,
    "load": [0.5, 1.25],
}
MACHINE = {"processors": "2", "memory": "4 GB"}


def page(*figures: dict[str, Any], part: str = "cluster", notes: tuple[str, ...] = ()) -> str:
    return render({"machine": MACHINE, "notes": list(notes), "parts": {part: list(figures)}})


def test_row_has_every_column() -> None:
    assert "| measure | MetalLB | aim | ExaLB | n | load |\n|---|---|---|---|---|---|\n" in page(FIGURE)
    assert "| memory, a &#124; b | 1 &#124; 2 | ≤ 3 | 4, 5 | 2 | 0.5 → 1.2 |\n" in page(FIGURE)


@pytest.mark.parametrize(("column", "heading"), [("metallb", "MetalLB"), ("aim", "aim")])
def test_column_without_a_value_is_left_out(column: str, heading: str) -> None:
    assert f"| {heading} |" not in page({**FIGURE, column: ""}, {**FIGURE, column: ""})
    assert f"| {heading} |" in page({**FIGURE, column: ""}, FIGURE)


def test_page_has_machine_notes_and_the_parts_of_the_run() -> None:
    text = page(FIGURE, part="engine", notes=("Other work ran beside it.",))
    assert "\nOther work ran beside it.\n" in text
    assert "| memory | 4 GB |" in text
    assert [title for title in TITLES.values() if f"\n## {title}\n" in text] == [TITLES["engine"]]
