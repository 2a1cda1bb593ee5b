"""A Service with all its addresses keeps them, whichever Services are created or deleted."""

from hypothesis import assume, given
from hypothesis import strategies as st

from exalb.analysis.plan import plan
from tests.laws.making import SERVICES, identity
from tests.laws.strategies import clusters, services
from tests.laws.worlds import World, settled
from tests.support.objects import Object, pool, service


def has(objects: list[Object]) -> dict[str, tuple[str, ...]]:
    """Return the addresses of each Service of ours."""
    outcomes = plan(World(objects).cluster).allocation.outcomes
    return {str(key): tuple(map(str, outcome.addresses)) for key, outcome in outcomes.items()}


def complete(objects: list[Object]) -> dict[str, tuple[str, ...]]:
    """Return the addresses of each Service that has all the addresses that it requests."""
    cluster = World(objects).cluster
    outcomes = plan(cluster).allocation.outcomes
    return {
        str(key): tuple(map(str, outcome.addresses))
        for key, outcome in outcomes.items()
        if not outcome.refusal and len(outcome.addresses) == len(cluster.services[key].families)
    }


@given(clusters, services)
def test_new_service_moves_no_address(objects: list[Object], created: Object) -> None:
    created = {key: value for key, value in created.items() if key != "status"}
    before = settled(raw for raw in objects if identity(raw) != identity(created))
    after = has([*before, created])
    assert {key: after[key] for key in has(before)} == has(before)


@given(clusters, st.sampled_from(SERVICES))
def test_deleted_service_moves_no_complete_service(objects: list[Object], leaving: str) -> None:
    before = settled(objects)
    rest = [raw for raw in before if identity(raw) != identity(service(leaving))]
    assume(len(rest) < len(before))
    after = has(rest)
    assert not [key for key, held in complete(before).items() if key in after and after[key] != held]


@given(clusters)
def test_better_pool_moves_no_complete_service(objects: list[Object]) -> None:
    before = settled(objects)
    better = pool("aa", "192.0.2.0/24", "2001:db8:aa::/64", serviceAllocation={"priority": 1})
    after = has([*before, better])
    assert not [key for key, held in complete(before).items() if after[key] != held]


KEPT = {"address": "198.51.100.2", "namespace": "team", "service": "a"}


@given(clusters, st.lists(services, max_size=4))
def test_reserved_address_returns_to_its_service(objects: list[Object], others: list[Object]) -> None:
    """The Service is deleted, others get addresses, it is created again: it has its address."""
    mine = service("team/a")
    kept = pool("a", "198.51.100.0/30", reservations=[KEPT], day=1)
    others_only = [raw for raw in objects if raw["kind"] == "Service" and identity(raw) != identity(mine)]
    others_only = [raw for raw in others_only if "status" not in raw]
    assert has([kept, *others_only, mine])["team/a"] == ("198.51.100.2",)
    without = settled([kept, *others_only])
    later = {identity(raw): raw for raw in [*without, *({**raw, "status": {}} for raw in others)]}
    assert has([*settled(later.values()), mine])["team/a"] == ("198.51.100.2",)
