"""Figures of a test, in the report of the run (`--junitxml`)."""

from collections.abc import Callable
from typing import TypeAlias

import pytest

Note: TypeAlias = Callable[[str, object], None]
"""Writes a figure, by its name, into the report."""


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Return a function that writes a figure into the report of the run."""
    return lambda name, figure: request.node.user_properties.append((name, str(figure)))  # workers send texts alone
