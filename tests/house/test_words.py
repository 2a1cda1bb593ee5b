"""Patches and sleeps in tests, paths of one machine and names of package registries are not allowed."""

import ast
import re
from pathlib import Path

import pytest

from exalb.api.reasons import ConditionType, Reason
from exalb.explain.next_steps import NEXT_STEPS
from tests.support.tree import ROOT, files

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
def test_tests_have_no_forbidden_words(words: str) -> None:
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
def test_files_have_no_forbidden_words(pattern: str) -> None:
    found = []
    for path in files():
        if path == HERE or path.suffix in (".sum", ".png"):
            continue
        text = path.read_text(errors="ignore")
        found += [f"{path.relative_to(ROOT)}: {match.group()}" for match in re.finditer(pattern, text)]
    assert not found, FORBIDDEN_ANYWHERE[pattern]


def test_reference_explains_every_reason_and_condition_and_no_other() -> None:
    text = (ROOT / "docs" / "reference" / "reasons.md").read_text()
    named = {*Reason, *ConditionType}
    assert not [word.value for word in named if f"`{word.value}`" not in text]
    rows = re.findall(r"^\| ((?:`[A-Z]\w+`(?:, )?)+) \|", text, re.MULTILINE)
    documented = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    assert len(documented) > len(Reason) - 5
    assert not documented - {word.value for word in named}


WITHOUT_A_STEP = {Reason.SOME_WITHHELD}
"""A summary of refusals, each of which has its own reason."""


def test_every_refusal_has_a_next_step() -> None:
    sources = _sources(ROOT / "operator" / "exalb")
    refusals = {name for path in sources for name in re.findall(r"Refusal\(\s*Reason\.(\w+)", path.read_text())}
    assert len(refusals) > 40
    assert {Reason[name] for name in refusals} - NEXT_STEPS.keys() == WITHOUT_A_STEP


WRITERS = ("report", "node", "model/local_node.py")
"""The parts of the operator that choose reasons and condition types."""


def test_reasons_and_condition_types_are_members_of_their_enums() -> None:
    """A word of an enum as a literal is a second definition of it."""
    words = {word.value for word in (*Reason, *ConditionType)}
    sources = [path for place in WRITERS for path in _sources(ROOT / "operator" / "exalb" / place)]
    assert len(sources) > 8
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value!r}"
        for path in sources
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in words
    ]
    assert not found


def _sources(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]
