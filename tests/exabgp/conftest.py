"""An engine for a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from exalb_bgp.exabgp.settings import EngineSettings
from tests.support.engine.process import Node


@pytest.fixture
def settings(tmp_path: Path) -> EngineSettings:
    """Return the settings of an engine."""
    directory = tmp_path / "engine"
    directory.mkdir(mode=0o700)
    return EngineSettings(directory)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """Start an engine without peers, and end it."""
    with Node(tmp_path / "engine") as node:
        yield node
