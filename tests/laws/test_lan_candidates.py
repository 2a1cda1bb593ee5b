"""For any set of nodes there is one first candidate for each address, and few addresses move."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exalb.announcement.drain import DrainPolicy
from exalb.announcement.l2 import L2Planner, goal_of
from exalb.kube.manifests import snapshot_of
from exalb.validation.rules import validate
from tests.support import objects
from tests.support.objects import Object, assigned_service, endpoint, endpoints, l2_speaker, node, pool


@settings(max_examples=40)
@given(st.sets(st.integers(1, 40), min_size=2, max_size=12), st.data())
def test_one_node_is_first_and_a_node_that_goes_moves_its_addresses_alone(numbers: set[int], data: Any) -> None:
    """For any set of nodes: every node finds one first candidate for each address, and other addresses stay."""
    gone = data.draw(st.sampled_from(sorted(numbers)))
    addresses = [f"10.0.1.{number}" for number in range(20)]

    def firsts(present: set[int]) -> dict[Any, str]:
        raw: list[Object] = [pool("lan", "10.0.1.0/24"), objects.l2_advertisement()]
        for index, address in enumerate(addresses):
            raw += [assigned_service(f"s{index}", address), endpoints(f"s{index}", endpoint(on=f"n{gone}"))]
        for number in sorted(present):
            raw += [node(f"n{number}", f"10.0.0.{number}"), l2_speaker(f"n{number}", f"10.0.0.{number}/16")]
        cluster, _ = snapshot_of(raw, "exalb-system")
        plan = L2Planner(DrainPolicy()).plan(cluster, validate(cluster))
        for web, planned in plan.addresses.items():
            goals = [goal_of(plan, f"n{number}", None).addresses[web].candidates[0] for number in present]
            assert set(goals) == {planned.candidates[0]}
        return {address: planned.candidates[0] for address, planned in plan.addresses.items()}

    before, after = firsts(numbers), firsts(numbers - {gone})
    assert len(before) == len(after) == len(addresses)
    assert {address for address in before if before[address] != after[address]} == {
        address for address, first in before.items() if first == f"n{gone}"
    }
