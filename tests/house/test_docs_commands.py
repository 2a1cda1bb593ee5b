"""Every command of the documents is run by a test, which takes it from its page, or is listed here with the reason."""

import os
import re
import subprocess

from tests.support.documented import declared, documented
from tests.support.tree import ROOT

NOT_RUN = {
    r"make (venv|check|unit|quick|test|test-release|test-older|hunt|mutate)": "is what runs the tests",
    r"make docs": "writes the pages while other tests read them; test_docs_generated compares what it writes",
    r"make dev": "test_dev runs it with NODE",
    r"make (chaos|soak|bfd-soak|outage)": "walks for an hour; tests/chaos and tests/stories have shorter walks",
    r"make (bfd-cost|hitless|bench|fleet|performance)": "measures for minutes to hours, on a quiet machine",
    r"docker (build|push) .+": "needs Docker and a registry; the lab builds by buildah",
    r"pipx install .": "pipx gets packages from an index; test_wheel installs the wheel as pipx does, without one",
}
"""Patterns of commands, and why no test runs them."""
NO_ROUTER_HERE = ("arista-eos", "cisco-ios-xe", "juniper-junos", "mikrotik-routeros")
"""Pages whose router we do not have; each says so itself."""


def distinct() -> set[tuple[str, str]]:
    """Return every command; the same words mean another program on each page about a router."""
    found = {_key(page, line) for page, line in documented()}
    return {(page, line) for page, line in found if page.removesuffix(".md") not in NO_ROUTER_HERE}


def _key(page: str, line: str) -> tuple[str, str]:
    return (page.rpartition("/")[2] if page.startswith("docs/routers/") else "", line)


def unrun(line: str) -> list[str]:
    """Return the patterns of commands that no test runs which this one matches."""
    return [pattern for pattern in NOT_RUN if re.fullmatch(pattern, line)]


def test_every_command_is_run_or_has_a_reason_why_not() -> None:
    run = {_key(page, line) for _, page, line in declared()}
    assert len(distinct()) > 150
    assert not [(page, line) for page, line in distinct() - run if page or not unrun(line)]


def test_what_is_not_run_is_documented_and_run_nowhere() -> None:
    lines = {line for _, line in distinct()}
    assert not [pattern for pattern in NOT_RUN if not any(re.fullmatch(pattern, line) for line in lines)]
    assert not [line for _, _, line in declared() if unrun(line)]


def test_routers_that_are_not_here_are_those_whose_page_says_so() -> None:
    folder = ROOT / "docs" / "routers"
    assert [path.stem for path in sorted(folder.glob("*.md")) if "**not run here**" in path.read_text()] == [
        *NO_ROUTER_HERE
    ]


def test_targets_of_make_that_are_not_run_start_what_exists() -> None:
    """As far as make itself can tell: it says what it would run, and the modules and tests of that are there."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    lines = sorted({line for _, line in distinct() if line.startswith("make ") and unrun(line)})
    assert len(lines) > 15
    for line in lines:
        words = [*line.split(), "--dry-run", "--no-print-directory"]
        done = subprocess.run(words, cwd=ROOT, env=outside, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        modules = [ROOT / name.replace(".", "/") for name in re.findall(r"-m (tests[.\w]+)", done.stdout)]
        named = [ROOT / name for name in re.findall(r"\s(tests/[\w/.]+)", done.stdout)]
        assert not [
            path for path in modules if not (path.with_suffix(".py").exists() or (path / "__main__.py").exists())
        ]
        assert not [path for path in named if not path.exists()]
