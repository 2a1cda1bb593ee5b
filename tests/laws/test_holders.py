"""Who has what it asks for keeps it: newcomers move nobody, and neither does who leaves."""

from hypothesis import assume, given
from hypothesis import strategies as st

from exalb.planning import plan
from tests.laws.making import SERVICES, identity
from tests.laws.strategies import clusters, services
from tests.laws.worlds import World, settled
from tests.unit.objects import Object, pool, service


def has(objects: list[Object]) -> dict[str, tuple[str, ...]]:
    """Return the addresses of each Service of ours."""
    outcomes = plan(World(objects).cluster).allocation.outcomes
    return {str(key): tuple(map(str, outcome.addresses)) for key, outcome in outcomes.items()}


def content(objects: list[Object]) -> dict[str, tuple[str, ...]]:
    """Return the addresses of each Service that has all that it asks for."""
    cluster = World(objects).cluster
    outcomes = plan(cluster).allocation.outcomes
    return {
        str(key): tuple(map(str, outcome.addresses))
        for key, outcome in outcomes.items()
        if not outcome.refusal and len(outcome.addresses) == len(cluster.services[key].families)
    }


@given(clusters, services)
def test_a_newcomer_moves_nobody(objects: list[Object], newcomer: Object) -> None:
    newcomer = {key: value for key, value in newcomer.items() if key != "status"}
    before = settled(one for one in objects if identity(one) != identity(newcomer))
    after = has([*before, newcomer])
    assert {key: after[key] for key in has(before)} == has(before)


@given(clusters, st.sampled_from(SERVICES))
def test_who_leaves_moves_nobody_who_is_content(objects: list[Object], leaving: str) -> None:
    before = settled(objects)
    rest = [one for one in before if identity(one) != identity(service(leaving))]
    assume(len(rest) < len(before))
    after = has(rest)
    assert not [key for key, held in content(before).items() if key in after and after[key] != held]


@given(clusters)
def test_a_better_pool_moves_nobody_who_is_content(objects: list[Object]) -> None:
    before = settled(objects)
    better = pool("aa", "192.0.2.0/24", "2001:db8:aa::/64", serviceAllocation={"priority": 1})
    after = has([*before, better])
    assert not [key for key, held in content(before).items() if after[key] != held]


KEPT = {"address": "198.51.100.2", "namespace": "team", "service": "a"}


@given(clusters, st.lists(services, max_size=4))
def test_a_reserved_address_comes_back(objects: list[Object], others: list[Object]) -> None:
    """Its Service goes, others come and are served, it is made again: it has its address."""
    mine = service("team/a")
    kept = pool("a", "198.51.100.0/30", reservations=[KEPT], day=1)
    others_only = [one for one in objects if one["kind"] == "Service" and identity(one) != identity(mine)]
    others_only = [one for one in others_only if "status" not in one]
    assert has([kept, *others_only, mine])["team/a"] == ("198.51.100.2",)
    without = settled([kept, *others_only])
    later = {identity(one): one for one in [*without, *({**one, "status": {}} for one in others)]}
    assert has([*settled(later.values()), mine])["team/a"] == ("198.51.100.2",)
