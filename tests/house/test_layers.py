"""Imports point one way; what decides does nothing. The contracts stand in pyproject.toml."""

import ast
import re
import subprocess
import sys

from tests.house.tree import ROOT


def test_contracts_are_kept() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_pure_module_is_under_contract() -> None:
    contracts = (ROOT / "pyproject.toml").read_text()
    sources = [*(ROOT / "operator" / "exalb").glob("*.py"), *(ROOT / "bgp").rglob("*.py")]
    pure = [path for path in sources if re.search(r"\bPure\b", ast.get_docstring(ast.parse(path.read_text())) or "")]
    assert len(pure) > 20
    names = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts[1:]) for path in pure}
    assert not [name for name in names.values() if f'"{name}"' not in contracts]
