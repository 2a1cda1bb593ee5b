"""The log events of the programs, read from their code."""

import ast
from collections.abc import Iterator

from tests.support.tree import ROOT

LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}
LOGGERS = {"log", "_LOG"}
INSIDE_EXABGP = ROOT / "bgp" / "exalb_bgp" / "exabgp" / "server"
"""The program inside ExaBGP logs by ExaBGP's own logger, in ExaBGP's words."""


def log_events() -> set[tuple[str, str]]:
    """Return the name and the level of every event that code of ours logs."""
    sources = [path for place in ("operator", "bgp") for path in (ROOT / place).rglob("*.py")]
    return {
        event
        for path in sources
        if not path.is_relative_to(INSIDE_EXABGP)
        for event in _events(ast.parse(path.read_text()))
    }


def _events(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id in LOGGERS
            and node.func.attr in LEVELS
        ):
            name = node.args[0]
            yield ast.unparse(name).strip("'"), LEVELS[node.func.attr]
