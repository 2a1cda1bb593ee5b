"""A settled cluster is a fixed point: planned again nothing moves, and there is nothing to write."""

from hypothesis import given

from exalb.allocation import allocate
from tests.laws.strategies import clusters
from tests.laws.worlds import World, settled
from tests.unit.objects import Object, planned


@given(clusters)
def test_planning_twice_is_planning_once(objects: list[Object]) -> None:
    assert planned(*settled(objects)) == planned(*objects)


@given(clusters)
def test_a_settled_ledger_moves_nothing(objects: list[Object]) -> None:
    cluster = World(settled(objects)).cluster
    outcomes = allocate(cluster).outcomes
    assert {key: outcome.addresses for key, outcome in outcomes.items()} == {
        key: service.held for key, service in cluster.services.items() if cluster.is_ours(service)
    }
    assert not [outcome.lost for outcome in outcomes.values() if outcome.lost]
