"""L2 through faults and changes in any order: the client finds each address at the one node that has to have it."""

import pytest

from tests.chaos.lan.walk import Figures, walk
from tests.chaos.lan.world import LanWorld
from tests.support.note import Note

SEED = 7
"""Another walk, or a longer one: `make chaos WALK=lan SEED=… STEPS=…`, `make soak WALK=lan MINUTES=…`."""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("steps", [40, pytest.param(300, marks=pytest.mark.release)])
def test_each_address_is_at_one_node_at_every_rest(world: LanWorld, steps: int, note: Note) -> None:
    figures = Figures()
    walk(world, SEED, steps, figures)
    note("walk", figures)
    assert figures.steps == steps
    assert figures.answers > steps, "too little was announced to be a proof"
    assert figures.moves > steps // 5, "too little moved to be a proof"
