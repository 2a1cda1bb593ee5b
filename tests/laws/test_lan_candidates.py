"""For any nodes there is one first candidate for each address, few addresses move, and L2 waits where BGP does."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exalb.announcement.drain import DrainPolicy
from exalb.announcement.l2 import L2Planner
from exalb.announcement.l2_goal import goal_of
from exalb.announcement.planner import RoutePlanner
from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Key
from exalb.model.local_node import DataPlane, LocalNode
from exalb.validation.rules import validate
from exalb_bgp.session import Family
from tests.support import objects
from tests.support.objects import Object, assigned_service, endpoint, endpoints, l2_speaker, node, peer, pool


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
            goals = [goal_of(plan, cluster, f"n{number}").addresses[web].candidates[0] for number in present]
            assert set(goals) == {planned.candidates[0]}
        return {address: planned.candidates[0] for address, planned in plan.addresses.items()}

    before, after = firsts(numbers), firsts(numbers - {gone})
    assert len(before) == len(after) == len(addresses)
    assert {address for address in before if before[address] != after[address]} == {
        address for address, first in before.items() if first == f"n{gone}"
    }


PORT = 30100
states = st.sampled_from(
    ({}, {"ready": False}, {"ready": False, "serving": True, "terminating": True})  # ready, not ready, draining
)
services = st.tuples(
    st.sampled_from(("Local", "Local", "Cluster")),
    st.sampled_from((PORT, PORT, None)),
    st.lists(st.tuples(st.sampled_from(("n1", "n2")), states), min_size=1, max_size=4),
    st.sampled_from((None, PORT + 1, PORT)),
)
"""Policy, port of the health check, nodes of endpoints with their states, and the port on which kube-proxy said yes."""


@settings(max_examples=100)
@given(st.lists(services, min_size=1, max_size=5), st.sampled_from((DataPlane.UP, *DataPlane)))
def test_l2_waits_for_kube_proxy_where_bgp_does(made: list[Any], data_plane: DataPlane) -> None:
    """An L2 process may announce what BGP announces, and nothing else."""
    raw: list[Object] = [pool("lan", "10.0.1.0/24"), objects.l2_advertisement(), peer()]
    for number in (1, 2):
        raw += [node(f"n{number}", f"10.0.0.{number}"), l2_speaker(f"n{number}", f"10.0.0.{number}/16")]
    programmed = {}
    for index, (policy, port, entries, said) in enumerate(made):
        ready = (endpoint(f"10.88.0.{at}", on, **state) for at, (on, state) in enumerate(entries))
        spec = {"externalTrafficPolicy": policy, **({"healthCheckNodePort": port} if port else {})}
        raw += [assigned_service(f"s{index}", f"10.0.1.{index}", **spec), endpoints(f"s{index}", *ready)]
        if said:
            programmed[Key("default", f"s{index}"), Family.IPV4] = said
    cluster, malformed = snapshot_of(raw, "exalb-system")
    assert not malformed
    cluster = replace(cluster, programmed=programmed, host=LocalNode(data_plane=data_plane))
    rules = validate(cluster)
    goal = goal_of(L2Planner(DrainPolicy()).plan(cluster, rules), cluster, "n1")
    (session,) = RoutePlanner("n1").plan(cluster, rules).sessions.values()
    for index in range(len(made)):
        wanted = goal.addresses.get(ip_address(f"10.0.1.{index}"))
        may = wanted is not None and not wanted.declined
        assert may == (ip_network(f"10.0.1.{index}") in session.rib), index
