"""The checkout as the house tests see it: what git tracks or would track."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def files(*suffixes: str) -> list[Path]:
    """Return every file of the checkout that git does not ignore, with one of `suffixes` (all, if none is given)."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = (ROOT / name for name in listed.split("\0") if name)
    return sorted(path for path in found if path.is_file() and (not suffixes or path.suffix in suffixes))


def sources() -> list[Path]:
    """Return the Python files that are shipped."""
    return [path for path in files(".py") if path.relative_to(ROOT).parts[0] in ("operator", "bgp")]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
