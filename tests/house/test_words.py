"""What must not be written: patches and sleeps in tests, paths of one machine, where packages come from."""

import ast
import re

import pytest

from exalb.reasons import Reason
from tests.house.tree import ROOT, files

TESTS = [path for path in files(".py") if path.relative_to(ROOT).parts[0] == "tests"]
HERE = ROOT / "tests" / "house" / "test_words.py"

FORBIDDEN_IN_TESTS = {
    "unittest.mock": "fake at our own interfaces only",
    "monkeypatch": "fake at our own interfaces only",
    "mocker": "fake at our own interfaces only",
}
FORBIDDEN_ANYWHERE = {
    r"/(work|farm)/(main|shared)\b": "a path of one machine",
    r"/root/": "a path of one machine",
    r"\bpypi\.org|files\.pythonhosted|proxy\.golang|deb\.debian\.org|registry\.npmjs": "where packages come from",
    r"(?i)\bsubagent|\bclaude\b|\bissue #?[0-9]+\b": "how it was built",
}


@pytest.mark.parametrize("words", FORBIDDEN_IN_TESTS, ids=str)
def test_no_test_holds(words: str) -> None:
    found = [str(path) for path in TESTS if path != HERE and words in path.read_text()]
    assert not found, FORBIDDEN_IN_TESTS[words]


def test_no_test_sleeps() -> None:
    """The lab waits for conditions, polling with a deadline; the benchmark lets time pass in order to measure."""
    sleeping = []
    for path in TESTS:
        if path.parent.name == "lab" and not path.name.startswith("test_"):
            continue
        if any(path.is_relative_to(ROOT / "tests" / where) for where in ("lab/routers", "bench")):
            continue
        calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute))
        sleeping += [f"{path}:{node.lineno}" for node in calls if node.attr == "sleep"]
    assert not sleeping, "wait for a condition with a deadline"


@pytest.mark.parametrize("pattern", FORBIDDEN_ANYWHERE, ids=str)
def test_nothing_holds(pattern: str) -> None:
    found = []
    for path in files():
        if path == HERE or path.suffix in (".sum", ".png"):
            continue
        text = path.read_text(errors="ignore")
        found += [f"{path.relative_to(ROOT)}: {match.group()}" for match in re.finditer(pattern, text)]
    assert not found, FORBIDDEN_ANYWHERE[pattern]


def test_every_reason_is_explained_to_people() -> None:
    text = (ROOT / "docs" / "reference" / "reasons.md").read_text()
    assert not [reason.value for reason in Reason if f"`{reason.value}`" not in text]
