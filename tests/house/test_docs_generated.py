"""The generated parts of the documents are up to date; `make docs` writes them."""

import json
from collections.abc import Callable

import pytest

from tests.house import chart_values, cli_page, layers, reference, situations_page
from tests.support import hitless_page, performance_page
from tests.support.golden import assert_golden
from tests.support.tree import ROOT

CHART = ROOT / "charts" / "exalb"


def _architecture(text: str) -> str:
    return layers.with_diagram(text, layers.diagram())


def _chart(text: str) -> str:
    return chart_values.with_table(text, chart_values.table(CHART / "values.yaml"))


PAGES: dict[str, tuple[str, Callable[[str], str]]] = {
    "resources": ("docs/reference/resources.md", lambda _: reference.resources()),
    "cli": ("docs/reference/cli.md", lambda _: cli_page.commands()),
    "programs": ("docs/reference/programs.md", lambda _: reference.programs()),
    "situations": ("docs/situations.md", lambda _: situations_page.situations()),
    "performance": (
        "docs/performance.md",
        lambda _: performance_page.render(json.loads(performance_page.RUN.read_text())),
    ),
    "hitless": ("docs/hitless.md", lambda _: hitless_page.render(json.loads(hitless_page.RUN.read_text()))),
    "layers": ("ARCHITECTURE.md", _architecture),
    "values": ("charts/exalb/README.md", _chart),
}
"""Where each part stands, and how a page gets it."""


@pytest.mark.parametrize("part", PAGES)
def test_generated_part_is_up_to_date(part: str) -> None:
    name, made = PAGES[part]
    page = ROOT / name
    assert_golden(page, made(page.read_text() if page.exists() else ""))


def test_page_about_performance_is_in_the_index_of_the_site() -> None:
    assert "      - Performance: docs/performance.md\n" in (ROOT / "mkdocs.yml").read_text()
    assert "(performance.md)" in (ROOT / "docs" / "README.md").read_text()


def test_every_package_is_in_the_diagram_once() -> None:
    shown = [
        line.split()[1 if line.split()[0].isdigit() else 0] for line in layers.diagram().splitlines()[2:-1] if line
    ]
    packages = {path.parent.name for path in (ROOT / "operator" / "exalb").glob("*/__init__.py")}
    assert packages <= set(shown)
    roots = [part.split() for part in layers.diagram().split("\n\n")]
    assert all(len(words) > 1 for words in roots)
    inside = {"exalb", *packages, "__main__"}
    assert all(shown.count(name) == 1 for name in inside & set(shown))
