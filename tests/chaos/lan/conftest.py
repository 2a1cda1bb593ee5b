"""The LAN of a walk."""

import os
from collections.abc import Iterator

import pytest

from tests.chaos.lan.world import LanWorld
from tests.support.lab_run import lab_run


@pytest.fixture
def world() -> Iterator[LanWorld]:
    """Return a LAN on which all runs."""
    with lab_run(f"v{os.getpid()}") as lab, LanWorld(lab) as world:
        yield world
