"""The world of the walks, in a lab of its own."""

from collections.abc import Iterator

import pytest

from tests.chaos.routers.drained import WalkWorld
from tests.support.routers.fixtures import lab, possible, world

__all__ = ["built", "lab", "possible", "world"]


@pytest.fixture(scope="module")
def built(lab: str) -> Iterator[WalkWorld]:
    """Build the world once for one file of tests."""
    with WalkWorld(lab) as world:
        yield world
