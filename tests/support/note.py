"""Figures of a test, in the report of the run (`--junitxml`), and below its results with `-v`."""

from collections.abc import Callable
from typing import TypeAlias

import pytest

Note: TypeAlias = Callable[[str, object], None]
"""Writes a figure, by its name, into the report."""


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Return a function that writes a figure into the report of the run."""
    return lambda name, figure: request.node.user_properties.append((name, str(figure)))  # workers send texts alone


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures to a person who asks for more than results."""
    if terminalreporter.verbosity <= 0:
        return
    ended = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    figures = [pair for report in ended if report.when == "call" for pair in report.user_properties]
    if figures:
        terminalreporter.section("figures")
    for name, figure in figures:
        terminalreporter.line(f"{name}: {figure}")
