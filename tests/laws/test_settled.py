"""A settled cluster is a fixed point: a second plan moves no address."""

from hypothesis import given

from tests.laws.strategies import clusters
from tests.laws.worlds import World, settled
from tests.support.decisions import allocation_of
from tests.support.objects import Object, planned


@given(clusters)
def test_plan_of_a_settled_cluster_is_the_same(objects: list[Object]) -> None:
    assert planned(*settled(objects)) == planned(*objects)


@given(clusters)
def test_settled_ledger_moves_no_address(objects: list[Object]) -> None:
    cluster = World(settled(objects)).cluster
    allocation = allocation_of(cluster)
    assert {key: outcome.addresses for key, outcome in allocation.outcomes.items()} == {
        key: service.held
        for key, service in cluster.services.items()
        if cluster.is_ours(service) and key not in allocation.foreign
    }
    assert not [outcome.lost for outcome in allocation.outcomes.values() if outcome.lost]
