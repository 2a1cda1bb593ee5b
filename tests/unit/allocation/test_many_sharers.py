"""One change costs no more where thousands of Services share an address. Counted in calls, not in time."""

import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType

from exalb.allocation.allocator import Allocation, Allocator
from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Cluster, Key
from exalb.model.ports import Port
from exalb.validation.rules import validate
from tests.support.objects import Object, assigned, pool, service, wants

HAS = "198.51.100.7"
MAIN = pool("main", "198.51.100.0/24")
NAMESPACES = 4


def sharers(count: int) -> list[Object]:
    """Return Services of four namespaces on one address."""
    annotations = wants(sharing_key="k", sharing_namespaces="*")
    return [
        assigned(
            service(f"n{number % NAMESPACES}/s{number}", HAS, annotations=annotations, ports=[{"port": 1 + number}])
        )
        for number in range(count)
    ]


def calls(run: Callable[[], Allocation]) -> int:
    """Count the calls of Python functions."""
    count = 0

    def profile(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


def edited(cluster: Cluster, key: Key, port: int) -> Cluster:
    """Return the cluster with another port of one Service."""
    changed = replace(cluster.services[key], ports=frozenset([Port("TCP", port)]))
    return replace(cluster, services={**cluster.services, key: changed})


def cost_of_an_edit(count: int, port: int) -> int:
    """Return the calls for one edit of one of `count` sharers."""
    cluster, _ = snapshot_of([MAIN, *sharers(count)], "exalb-system")
    rules, allocator = validate(cluster), Allocator()
    allocator.allocate(cluster, rules)
    after = edited(cluster, Key("n0", "s0"), port)
    return calls(lambda: allocator.allocate(after, rules))


def cost_of_a_start(count: int) -> int:
    """Return the calls of the first round for `count` sharers."""
    cluster, _ = snapshot_of([MAIN, *sharers(count)], "exalb-system")
    rules, allocator = validate(cluster), Allocator()
    return calls(lambda: allocator.allocate(cluster, rules))


def test_edit_costs_the_same_for_many_sharers() -> None:
    assert cost_of_an_edit(800, port=9000) <= 1.1 * cost_of_an_edit(100, port=9000)


def test_edit_that_conflicts_costs_a_look_at_each_claim() -> None:
    assert cost_of_an_edit(800, port=2) - cost_of_an_edit(100, port=2) <= 8 * 700


def test_start_costs_in_proportion() -> None:
    assert cost_of_a_start(800) <= 9 * cost_of_a_start(100)


def test_first_choice_costs_in_proportion() -> None:
    def cost(count: int) -> int:
        pending = [{key: value for key, value in raw.items() if key != "status"} for raw in sharers(count)]
        cluster, _ = snapshot_of([MAIN, *pending], "exalb-system")
        rules, allocator = validate(cluster), Allocator()
        return calls(lambda: allocator.allocate(cluster, rules))

    assert cost(800) <= 9 * cost(100)
