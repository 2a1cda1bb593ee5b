"""Packages have layers, and modules that decide do no I/O. The contracts are in pyproject.toml."""

import ast
import subprocess
import sys
from pathlib import Path

from tests.house.layers import pure_modules
from tests.support.tree import ROOT


def test_contracts_are_kept() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_pure_modules_have_no_coroutines() -> None:
    sources = [path for name in pure_modules() for path in _sources(name)]
    assert len(sources) > 50
    assert not [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
    ]


def _sources(dotted: str) -> list[Path]:
    base = ROOT / ("operator" if dotted.startswith("exalb.") else "bgp") / dotted.replace(".", "/")
    return sorted(base.rglob("*.py")) if base.is_dir() else [base.with_suffix(".py")]
