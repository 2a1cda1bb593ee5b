"""Small rooms: no file and no function is longer than one can take in."""

import ast
from pathlib import Path

import pytest

from tests.support.tree import ROOT, files, functions, sources

LONGEST_FILE = 300
LONGEST_TEST_FILE = 400
LONGEST_FUNCTION = 40


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_source_file_is_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE
    long = [node.name for node in functions(path) if (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION]
    assert not long


def test_test_file_is_small() -> None:
    tests = [path for path in files(".py") if path.relative_to(ROOT).parts[0] == "tests"]
    assert not [str(path) for path in tests if len(path.read_text().splitlines()) > LONGEST_TEST_FILE]


def test_every_file_has_a_docstring() -> None:
    assert not [str(path) for path in files(".py") if not ast.get_docstring(ast.parse(path.read_text() or "''"))]
