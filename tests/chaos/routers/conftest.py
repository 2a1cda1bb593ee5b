"""The world of the walks, in a lab of its own."""

from collections.abc import Iterator

import pytest

from tests.chaos.routers.drained import WalkWorld
from tests.support.routers.fixtures import lab, possible

__all__ = ["built", "lab", "possible", "world"]


@pytest.fixture(scope="module")
def built(lab: str) -> Iterator[WalkWorld]:
    """Build the world once for one file of tests."""
    with WalkWorld(lab) as world:
        yield world


@pytest.fixture
def world(built: WalkWorld) -> WalkWorld:
    """Return six plain sessions, all Established, with nothing announced."""
    built.reset()
    return built
