"""Faults, flaps, reloads and changes in any order, on the real thing: at every rest, each router holds its table."""

import pytest

from tests.chaos.routers.walk import Figures, walk
from tests.support.routers.world import World

SEED, STEPS = 7, 300
"""Another walk, or a longer one: `make chaos SEED=… STEPS=…`, `make soak MINUTES=…`."""


@pytest.mark.timeout(900)
def test_routers_hold_their_tables_at_every_rest(world: World) -> None:
    figures = Figures()
    walk(world, SEED, STEPS, figures)
    print(figures)
    assert figures.steps == STEPS
    assert figures.routes > 1000, "too little was announced to be a proof"
    assert figures.looks > 30, "too seldom looked at in between"
