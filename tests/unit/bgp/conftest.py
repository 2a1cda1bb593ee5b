"""An engine for a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.bgp.node import Node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """Start an engine without peers, and end it."""
    with Node(tmp_path / "engine") as node:
        yield node
