"""The log of routes: which are announced and withdrawn from one plan to the next, and why."""

import pytest

from exalb.announcement.planner import NodePlan, RoutePlanner
from exalb.announcement.route_changes import NAMED_ROUTES, RouteChange, RouteCounts, route_changes
from exalb.kube.manifests import snapshot_of
from exalb.validation.rules import validate
from tests.support.objects import Object, assigned_service, endpoint, endpoints, node, peer, pool

BASE = [pool("main", "198.51.100.0/24"), peer("tor"), node("n1", "10.77.0.11")]
WEB = assigned_service("web", "198.51.100.7")


def plans(*pictures: list[Object]) -> list[NodePlan]:
    """Return the plans of one planner for n1, in order."""
    planner = RoutePlanner("n1")
    clusters = [snapshot_of([*BASE, *objects], "exalb-system")[0] for objects in pictures]
    return [planner.plan(cluster, validate(cluster)) for cluster in clusters]


def shown(before: NodePlan | None, after: NodePlan) -> list[tuple[object, ...]]:
    """Return the changes in short."""
    return [
        (change.peer, change.announced, change.withdrawn)
        if isinstance(change, RouteCounts)
        else (change.peer, str(change.prefix), change.announced, change.services, change.reason and change.reason.value)
        for change in route_changes(before, after)
    ]


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        pytest.param([], [WEB, endpoints("web")], [("tor", "198.51.100.7/32", True, ("default/web",), None)], id="new"),
        pytest.param(
            [WEB, endpoints("web")],
            [WEB, endpoints("web", endpoint(ready=False))],
            [("tor", "198.51.100.7/32", False, ("default/web",), "NoReadyEndpoints")],
            id="unready",
        ),
        pytest.param(
            [WEB, endpoints("web")], [], [("tor", "198.51.100.7/32", False, ("default/web",), None)], id="deleted"
        ),
        pytest.param([WEB, endpoints("web")], [WEB, endpoints("web")], [], id="same"),
    ],
)
def test_route_changes(before: list[Object], after: list[Object], changes: list[tuple[object, ...]]) -> None:
    assert shown(*plans(before, after)) == changes


def test_first_plan_is_counted() -> None:
    (plan,) = plans([WEB, endpoints("web")])
    assert shown(None, plan) == [("tor", 1, 0)]


@pytest.mark.parametrize(("size", "kind"), [(NAMED_ROUTES, RouteChange), (NAMED_ROUTES + 1, RouteCounts)])
def test_many_changes_are_counted(size: int, kind: type) -> None:
    names = [f"web-{number}" for number in range(size)]
    services = [assigned_service(name, f"198.51.100.{number}") for number, name in enumerate(names)]
    before, after = plans([], [*services, *(endpoints(name) for name in names)])
    assert {type(change) for change in route_changes(before, after)} == {kind}
    if kind is RouteCounts:
        assert shown(before, after) == [("tor", size, 0)]


def test_lost_session_withdraws_with_its_reason() -> None:
    there, gone = plans([WEB, endpoints("web")], [WEB, endpoints("web"), node("n1", "203.0.113.1")])
    (change,) = shown(there, gone)
    assert change == ("tor", "198.51.100.7/32", False, ("default/web",), "PeerIsNode")


def test_first_plan_without_routes_logs_nothing() -> None:
    [first] = plans([])
    assert shown(None, first) == []
