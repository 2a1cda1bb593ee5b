"""Rules for every test: what a machine cannot run is skipped aloud, and where that must not happen, it fails."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ("tests.lab.fixtures", "tests.support.note")
EVERYTHING_RUNS = os.environ.get("CI") == "true"
"""On a machine that is set up for all tests, a skip hides something."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make a failure of a skipped test where CI=true; an expected failure (xfail) stays one."""
    report = yield
    if EVERYTHING_RUNS and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = _why(report.longrepr)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Make a failure of a whole file that skips itself, where CI=true."""
    report = yield
    if EVERYTHING_RUNS and report.skipped:
        report.outcome = "failed"
        report.longrepr = _why(report.longrepr)
    return report


@pytest.fixture(autouse=True)
def shared_by_all_tests() -> Iterator[None]:
    """Fail a test that changes the umask or the directory of its process, with which later tests would fail."""
    before = _shared()
    yield
    assert _shared() == before


def _shared() -> tuple[int, Path]:
    umask = os.umask(0o022)
    os.umask(umask)
    return umask, Path.cwd()


def _why(skip: Any) -> str:
    reason = skip[2] if isinstance(skip, tuple) else skip
    return f"CI=true says that every test can run here, but this one did not: {reason}"
