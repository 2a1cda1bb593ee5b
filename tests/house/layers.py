"""The diagram of layers in ARCHITECTURE.md, made from the contracts in pyproject.toml and the packages' docstrings."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.tree import ROOT

BEGIN, END = "<!-- layers: begin -->\n", "<!-- layers: end -->\n"
SOURCES = {
    "exalb": ROOT / "operator" / "exalb",
    "exalb_bgp": ROOT / "bgp" / "exalb_bgp",
    "exalb_bfd": ROOT / "bgp" / "exalb_bfd",
    "exalb_l2": ROOT / "bgp" / "exalb_l2",
    "exalb_process": ROOT / "bgp" / "exalb_process",
}


def contracts() -> list[dict[str, Any]]:
    """Return the contracts of import-linter."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed: list[dict[str, Any]] = project["tool"]["importlinter"]["contracts"]
    return listed


def pure_modules() -> list[str]:
    """Return the modules and packages that only decide."""
    (decides,) = (contract for contract in contracts() if contract["name"].startswith("Code that decides"))
    return list(decides["source_modules"])


def diagram() -> str:
    """Return the layers of each source root, the highest first, as a block of Markdown."""
    layered = [
        contract
        for contract in contracts()
        if contract["type"] == "layers" and contract.get("containers", [""])[0] in SOURCES
    ]
    lines = [line for contract in layered for line in _layers(contract["containers"][0], contract["layers"])]
    return "\n".join(["```text", *lines[:-1], "```", ""])


def with_diagram(text: str, made: str) -> str:
    """Return a page with the diagram in its place."""
    head, _, rest = text.partition(BEGIN)
    return head + BEGIN + made + END + rest.partition(END)[2]


def _layers(root: str, layers: list[str]) -> Iterator[str]:
    yield root
    for number, layer in zip(range(len(layers), 0, -1), layers, strict=True):
        names = layer.split(" | ")
        yield from (_row(number if name is names[0] else "", root, name) for name in names)
    yield ""


def _row(number: int | str, root: str, name: str) -> str:
    pure = "pure" if f"{root}.{name}" in pure_modules() else ""
    return f"{number:>3}  {name:<14}{pure:<6}{_meaning(SOURCES[root] / name)}"


def _meaning(path: Path) -> str:
    """Return the first sentence of the docstring."""
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return (ast.get_docstring(ast.parse(file.read_text())) or "").split("\n")[0].partition(". ")[0].rstrip(".")
