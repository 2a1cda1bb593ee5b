"""The order in which objects come changes nothing."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.laws.strategies import clusters
from tests.laws.worlds import World
from tests.support.decisions import changes_of
from tests.support.objects import Object, made, planned


@given(clusters, st.randoms(use_true_random=False))
def test_order_does_not_matter(objects: list[Object], random: Random) -> None:
    shuffled = list(objects)
    random.shuffle(shuffled)
    assert planned(*objects) == planned(*shuffled)
    found = []
    for order in (objects, shuffled):
        cluster = World(order).cluster
        changes = changes_of(cluster, made(9))
        found.append((set(map(str, changes.writes)), set(map(str, changes.events))))
    assert found[0] == found[1]
