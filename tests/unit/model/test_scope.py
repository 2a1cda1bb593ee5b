"""The settings that say which Services and Nodes ExaLB serves."""

from dataclasses import replace

import pytest

from exalb.allocation.allocator import Allocator
from exalb.announcement.planner import RoutePlanner
from exalb.kube.manifests import snapshot_of
from exalb.model.scope import Scope
from exalb.validation.rules import validate
from tests.support.objects import assigned_service, endpoints, node, peer, pool, service

LABEL = "node.kubernetes.io/exclude-from-external-load-balancers"


@pytest.mark.parametrize(
    ("scope", "served"),
    [
        (Scope(), {"ours", "none"}),
        (Scope(require_class=True), {"ours"}),
        (Scope(load_balancer_class="example.org/lb"), {"theirs", "none"}),
        (Scope(load_balancer_class="example.org/lb", require_class=True), {"theirs"}),
    ],
    ids=["default", "class required", "another class", "another class required"],
)
def test_scope_of_services(scope: Scope, served: set[str]) -> None:
    classes = {"ours": "exalb.io/bgp", "theirs": "example.org/lb", "none": None}
    services = [service(name, **({"loadBalancerClass": value} if value else {})) for name, value in classes.items()]
    cluster = replace(snapshot_of([pool("main", "198.51.100.0/24"), *services], "exalb-system")[0], scope=scope)
    allocation = Allocator().allocate(cluster, validate(cluster))
    assert {key.name for key, outcome in allocation.outcomes.items() if outcome.addresses} == served


@pytest.mark.parametrize(("ignored", "routes"), [(False, 0), (True, 1)], ids=["label counts", "label is ignored"])
def test_scope_of_nodes(ignored: bool, routes: int) -> None:
    excluded = node("n1", "10.77.0.11", **{LABEL: ""})
    objects = [excluded, pool("main", "198.51.100.0/24"), peer(), assigned_service("web", "198.51.100.7"), endpoints()]
    cluster = replace(snapshot_of(objects, "exalb-system")[0], scope=Scope(ignore_exclude_label=ignored))
    plan = RoutePlanner("n1").plan(cluster, validate(cluster))
    assert sum(len(session.rib) for session in plan.sessions.values()) == routes
