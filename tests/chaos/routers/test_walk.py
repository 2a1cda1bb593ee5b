"""Faults, flaps, reloads and changes in any order, on the real thing: at every rest, each router holds its table."""

import pytest

from tests.chaos.routers.drained import WalkWorld
from tests.chaos.routers.walk import Figures, walk

SEED = 7
"""Another walk, or a longer one: `make chaos SEED=… STEPS=…`, `make soak MINUTES=…`."""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("steps", [120, pytest.param(300, marks=pytest.mark.release)])
def test_routers_hold_their_tables_at_every_rest(world: WalkWorld, steps: int) -> None:
    figures = Figures()
    walk(world, SEED, steps, figures)
    print(figures)
    assert figures.steps == steps
    assert figures.routes > 3 * steps, "too little was announced to be a proof"
    assert figures.looks > steps // 10, "too seldom looked at in between"
