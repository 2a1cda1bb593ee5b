"""The routes of a drained node: with GRACEFUL_SHUTDOWN, withdrawn, or held where no other node announces them."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest

from exalb.announcement.drain import DrainPolicy, DrainRequest, DrainStep
from exalb.announcement.drained_plan import DrainPlanner, settled_drain
from exalb.announcement.planner import NodeDrain, RoutePlanner
from exalb.announcement.returning import Depreference, Means, ReturnStep
from exalb.api.speaker import DrainCause, DrainState
from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Cluster, Key
from exalb.validation.rules import validate
from tests.support.decisions import plan_of
from tests.support.objects import (
    Object,
    advertisement,
    announcements,
    assigned_service,
    endpoint,
    endpoints,
    node,
    peer,
    pool,
)

POOL = pool("main", "198.51.100.0/24")
WEB = assigned_service("web", "198.51.100.7")
LOCAL = assigned_service("web", "198.51.100.7", externalTrafficPolicy="Local")
ROUTE = "198.51.100.7/32"
KEPT, GONE = f"{ROUTE} 65535:0", f"{ROUTE} NodeDraining"
DRAIN = {"exalb.io/drain": "true"}
N1 = node("n1", "10.0.0.1", annotations=DRAIN)
N2 = node("n2", "10.0.0.2")
BOTH = endpoints("web", endpoint("10.88.1.2", "n1"), endpoint("10.88.2.2", "n2"))


@pytest.mark.parametrize(
    ("objects", "n1"),
    [
        pytest.param([WEB, endpoints(), N1, N2, peer()], GONE, id="another-node-announces-it"),
        pytest.param([WEB, endpoints(), N1, peer()], KEPT, id="the-only-node"),
        pytest.param([LOCAL, endpoints(), N1, N2, peer()], KEPT, id="the-only-node-with-endpoints"),
        pytest.param([LOCAL, BOTH, N1, N2, peer()], GONE, id="another-node-with-endpoints"),
        pytest.param(
            [WEB, endpoints(), N1, node("n2", annotations=DRAIN), peer()], KEPT, id="the-other-node-is-drained-too"
        ),
        pytest.param(
            [WEB, endpoints(), N1, node("n2", ready={"status": "Unknown"}), peer()], KEPT, id="the-other-is-not-ready"
        ),
        pytest.param(
            [WEB, endpoints(), N1, node("n2", unavailable="True"), peer()], KEPT, id="the-other-has-no-network"
        ),
        pytest.param(
            [WEB, endpoints(), N1, N2, peer(nodeSelectors=[{"matchLabels": {"rack": "a"}}])], None, id="no-peer-at-all"
        ),
        pytest.param(
            [
                WEB,
                endpoints(),
                node("n1", "10.0.0.1", annotations=DRAIN, rack="a"),
                N2,
                peer(nodeSelectors=[{"matchLabels": {"rack": "a"}}]),
            ],
            KEPT,
            id="the-other-has-no-peer",
        ),
        pytest.param(
            [
                WEB,
                endpoints(),
                node("n1", "10.0.0.1", annotations=DRAIN, rack="a"),
                N2,
                peer(),
                advertisement(nodeSelectors=[{"matchLabels": {"rack": "a"}}]),
            ],
            KEPT,
            id="the-other-has-no-advertisement",
        ),
        pytest.param(
            [WEB, endpoints(), node("n1", "10.0.0.1", annotations={"exalb.io/drain": "force"}), peer()],
            GONE,
            id="forced",
        ),
        pytest.param([WEB, endpoints(), node("n1", "10.0.0.1"), N2, peer()], ROUTE, id="not-drained"),
    ],
)
def test_end_of_a_drain(objects: list[Object], n1: str | None) -> None:
    assert announcements(POOL, *objects).get("n1 tor") == (n1 and [n1])


def test_two_drained_nodes_hold_the_address_that_both_announce() -> None:
    n2 = node("n2", "10.0.0.2", annotations=DRAIN)
    routes = announcements(POOL, WEB, endpoints(), N1, n2, peer())
    assert routes == {"n1 tor": [KEPT], "n2 tor": [KEPT]}


def test_aggregate_with_a_service_of_this_node_alone_is_held() -> None:
    """The other node announces the aggregate too, but only for the other Service in it."""
    mail = assigned_service("mail", "198.51.100.8", externalTrafficPolicy="Local")
    services = [LOCAL, BOTH, mail, endpoints("mail", endpoint("10.88.1.3", "n1"))]
    routes = announcements(POOL, *services, N1, N2, peer(), advertisement(aggregationLength=24))
    assert routes == {
        "n1 tor": ["198.51.100.0/24 65535:0"],
        "n2 tor": ["198.51.100.0/24", "198.51.100.8/32 NoReadyEndpoints"],
    }


def _drained(state: DrainState, *objects: Object) -> Any:
    cluster, _ = snapshot_of([POOL, *objects], "exalb-system")
    step = DrainStep(state, DrainCause.ANNOTATION, datetime(2026, 1, 5, tzinfo=UTC))
    return DrainPlanner("n1", DrainPolicy()).plan(cluster, validate(cluster), plan_of("n1", cluster), step, None)


@pytest.mark.parametrize("state", [DrainState.DEPREFERRED, DrainState.RETURNING])
def test_routes_have_graceful_shutdown_before_and_after(state: DrainState) -> None:
    plan = _drained(state, WEB, endpoints(), N1, N2, peer())
    assert [str(community) for route in plan.speaker.ribs["tor"].values() for community in route.communities] == [
        "65535:0"
    ]
    assert not plan.sessions["tor"].withheld


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        pytest.param({}, [("", 2, None), ("", 0, 9), ("", 0, None), ("", 0, 9)], id="ebgp"),
        pytest.param({"peerASN": 64512}, [("65535:0", 0, None), ("", 0, 9), ("", 0, None), ("", 0, 9)], id="ibgp"),
    ],
)
def test_routes_of_a_node_that_returns(spec: dict[str, Any], wanted: list[tuple[str, int, int | None]]) -> None:
    """One planner, step by step: an attribute of an earlier step is not remembered."""
    cluster, _ = snapshot_of([POOL, WEB, endpoints(), N2, node("n1", "10.0.0.1"), peer(**spec)], "exalb-system")
    planner, rules, plan = DrainPlanner("n1", DrainPolicy()), validate(cluster), plan_of("n1", cluster)
    found = []
    for how in (Depreference(Means.PREPEND, 2), Depreference(Means.MED, 9), None, Depreference(Means.MED, 9)):
        part = ReturnStep(1, 2, how, 5.0) if how else None
        step = DrainStep(DrainState.RETURNING, DrainCause.ANNOTATION, datetime(2026, 1, 5, tzinfo=UTC), part)
        returning = planner.plan(cluster, rules, plan, step if how else None, None)
        [attributes] = returning.speaker.ribs["tor"].values()
        found.append((" ".join(map(str, attributes.communities)), attributes.as_path_prepend, attributes.med))
    assert found == wanted


def test_sessions_stay_through_a_drain() -> None:
    plan = _drained(DrainState.WITHDRAWN, WEB, endpoints(), N1, N2, peer())
    assert (list(plan.speaker.sessions), dict(plan.speaker.ribs["tor"])) == (["tor"], {})


def test_answer_follows_the_endpoints_of_the_other_node() -> None:
    """The planner remembers its answers; one about slices that changed is found again."""
    both, _ = snapshot_of([POOL, LOCAL, BOTH, N1, N2, peer()], "exalb-system")
    alone, _ = snapshot_of([endpoints("web", endpoint("10.88.1.2", "n1"))], "exalb-system")
    planner, rules = DrainPlanner("n1", DrainPolicy()), validate(both)
    step = DrainStep(DrainState.WITHDRAWN, DrainCause.ANNOTATION, datetime(2026, 1, 5, tzinfo=UTC))
    request = DrainRequest(DrainCause.ANNOTATION, "node n1 is drained")

    def held(cluster: Cluster) -> list[str]:
        plan = planner.plan(cluster, rules, plan_of("n1", cluster), step, request)
        return [str(prefix) for prefix in plan.speaker.ribs["tor"]]

    assert held(both) == held(both) == []
    assert held(replace(both, slices=alone.slices)) == [ROUTE]
    assert held(both) == []


def test_drain_of_a_plan_says_its_step_and_what_it_holds() -> None:
    alone, _ = snapshot_of([POOL, WEB, endpoints(), N1, peer()], "exalb-system")
    planner, rules, plan = DrainPlanner("n1", DrainPolicy()), validate(alone), plan_of("n1", alone)
    step = DrainStep(DrainState.DEPREFERRED, DrainCause.ANNOTATION, datetime(2026, 1, 5, tzinfo=UTC))
    lacking = {ip_network(ROUTE): (Key("default", "web"),)}
    request = DrainRequest(DrainCause.ANNOTATION, "node n1 is drained")
    for forced in (False, True):
        drain = planner.plan(alone, rules, plan, step, request._replace(forced=forced)).drain
        assert drain == NodeDrain(step, forced, lacking)
        assert drain.held == ({} if forced else lacking)
    undone = step._replace(state=DrainState.RETURNING)
    assert planner.plan(alone, rules, plan, undone, None).drain == NodeDrain(undone, False, {}, undone=True)


def test_end_of_a_drain_is_its_last_step() -> None:
    cluster, _ = snapshot_of([POOL, WEB, endpoints(), N1, N2, peer()], "exalb-system")
    rules, plan = validate(cluster), plan_of("n1", cluster)
    ended = settled_drain(cluster, rules, plan, DrainPolicy())
    assert ended.drain
    assert (ended.drain.step.state, ended.drain.step.cause) == (DrainState.WITHDRAWN, DrainCause.ANNOTATION)
    assert isinstance(ended.drain.step.since, datetime)
    [refusal] = ended.sessions["tor"].withheld.values()
    assert "n1" in refusal.message
    away = replace(cluster, nodes={})
    assert settled_drain(away, rules, plan, DrainPolicy()) is plan


def test_unchanged_parts_are_the_same_objects() -> None:
    """The driver compares attributes by identity first."""
    more = [assigned_service("mail", "198.51.100.8"), endpoints("mail")]
    old, new = (snapshot_of([POOL, WEB, endpoints(), N1, peer(), *add], "exalb-system")[0] for add in ([], more))
    grown = replace(old, services={**new.services, **old.services}, slices={**new.slices, **old.slices})
    rules, step = (
        validate(old),
        DrainStep(DrainState.DEPREFERRED, DrainCause.ANNOTATION, datetime(2026, 1, 5, tzinfo=UTC)),
    )
    routes, planner = RoutePlanner("n1"), DrainPlanner("n1", DrainPolicy())
    first, again, later = (
        planner.plan(cluster, rules, routes.plan(cluster, rules), step, None) for cluster in (old, old, grown)
    )
    assert again.sessions["tor"] is first.sessions["tor"]
    assert later.sessions["tor"].routes[ip_network(ROUTE)] is first.sessions["tor"].routes[ip_network(ROUTE)]
    assert len(later.sessions["tor"].routes) == 2
