"""With policy Local, a node announces an address once kube-proxy said that it delivers to the endpoint there."""

from dataclasses import replace

import pytest

from exalb.announcement.eligibility import EndpointState
from exalb.announcement.local_endpoints import Changes, LocalEndpoints
from exalb.announcement.planner import NodePlan, RoutePlanner
from exalb.api.reasons import Reason
from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Cluster, Key, ServiceFamily
from exalb.model.local_node import DataPlane, LocalNode
from exalb.validation.rules import validate
from exalb_bgp.rib import GRACEFUL_SHUTDOWN
from exalb_bgp.session import Family
from tests.support.objects import Object, assigned_service, endpoint, endpoints, node, peer, pool

PORT = 30100
WEB4: ServiceFamily = (Key("default", "web"), Family.IPV4)
WEB6: ServiceFamily = (Key("default", "web"), Family.IPV6)
AROUND = [pool("main", "198.51.100.0/24"), peer(), node("n1", "10.77.0.11"), node("n2", "10.77.0.12")]
DRAINING = endpoint("10.88.1.9", ready=False, serving=True, terminating=True)
READY = endpoints()


def web(**spec: object) -> Object:
    """Return the Service, with policy Local and its port unless said otherwise."""
    whole = {"externalTrafficPolicy": "Local", "healthCheckNodePort": PORT, **spec}
    return assigned_service("web", "198.51.100.7", **whole)


def cluster_of(
    *objects: Object, programmed: dict[ServiceFamily, int] | None = None, data_plane: DataPlane = DataPlane.UP
) -> Cluster:
    """Return the snapshot that the speaker of n1 has."""
    cluster, _ = snapshot_of([*AROUND, *objects], "exalb-system")
    return replace(cluster, programmed=programmed, host=LocalNode(data_plane=data_plane))


def found(plan: NodePlan) -> Reason | EndpointState | None:
    """Return READY or DRAINING for an announced route, else why it is withheld."""
    (session,) = plan.sessions.values()
    for route in session.rib.values():
        return EndpointState.DRAINING if GRACEFUL_SHUTDOWN in route.communities else EndpointState.READY
    return next((held.reason for held in session.withheld.values()), None)


@pytest.mark.parametrize(
    ("objects", "programmed", "says"),
    [
        pytest.param([web(), READY], None, EndpointState.READY, id="nobody-asks"),
        pytest.param([web(), READY], {}, Reason.ENDPOINTS_NOT_PROGRAMMED, id="not-said-yet"),
        pytest.param([web(), READY], {WEB4: PORT}, EndpointState.READY, id="said"),
        pytest.param([web(), READY], {WEB4: PORT + 1}, Reason.ENDPOINTS_NOT_PROGRAMMED, id="said-on-an-old-port"),
        pytest.param([web(), READY], {WEB6: PORT}, Reason.ENDPOINTS_NOT_PROGRAMMED, id="said-of-the-other-family"),
        pytest.param([web(externalTrafficPolicy="Cluster"), READY], {}, EndpointState.READY, id="policy-cluster"),
        pytest.param([web(healthCheckNodePort=0), READY], {}, EndpointState.READY, id="no-port"),
        pytest.param([web(), endpoints("web", DRAINING)], {}, EndpointState.DRAINING, id="draining-was-known-before"),
        pytest.param(
            [web(), endpoints("web", endpoint(), DRAINING)], {}, EndpointState.DRAINING, id="draining-until-said"
        ),
        pytest.param(
            [web(), endpoints("web", endpoint(), DRAINING)], {WEB4: PORT}, EndpointState.READY, id="ready-once-said"
        ),
        pytest.param([web()], {WEB4: PORT}, Reason.NO_READY_ENDPOINTS, id="no-endpoint-whatever-it-said"),
    ],
)
def test_endpoint_counts_once_kube_proxy_delivers_to_it(
    objects: list[Object], programmed: dict[ServiceFamily, int] | None, says: Reason | EndpointState
) -> None:
    cluster = cluster_of(*objects, programmed=programmed)
    assert found(RoutePlanner("n1").plan(cluster, validate(cluster))) is says


@pytest.mark.parametrize("data_plane", [DataPlane.NOT_MONITORED, DataPlane.PROBE_IGNORED])
def test_nothing_waits_where_there_is_no_kube_proxy(data_plane: DataPlane) -> None:
    cluster = cluster_of(web(), READY, programmed={}, data_plane=data_plane)
    assert found(RoutePlanner("n1").plan(cluster, validate(cluster))) is EndpointState.READY


def test_planner_follows_what_kube_proxy_says() -> None:
    planner, silent = RoutePlanner("n1"), cluster_of(web(), READY, programmed={})
    rules = validate(silent)
    assert found(planner.plan(silent, rules)) is Reason.ENDPOINTS_NOT_PROGRAMMED
    said = replace(silent, programmed={WEB4: PORT})
    assert found(planner.plan(said, rules)) is EndpointState.READY
    assert found(planner.plan(replace(said, programmed={}), rules)) is Reason.ENDPOINTS_NOT_PROGRAMMED


@pytest.mark.parametrize(
    ("objects", "asked"),
    [
        pytest.param([web(), READY], {WEB4: PORT}, id="ready-here"),
        pytest.param([web(ipFamilyPolicy="RequireDualStack"), READY], {WEB4: PORT}, id="one-family-of-two"),
        pytest.param(
            [web(ipFamilyPolicy="RequireDualStack"), READY, endpoints(family="IPv6")],
            {WEB4: PORT, WEB6: PORT},
            id="both-families",
        ),
        pytest.param([web(), endpoints("web", endpoint(on="n2"))], {}, id="on-another-node"),
        pytest.param([web(), endpoints("web", DRAINING)], {}, id="draining"),
        pytest.param([web()], {}, id="no-endpoint"),
        pytest.param([READY], {}, id="no-service"),
        pytest.param([web(externalTrafficPolicy="Cluster"), READY], {}, id="policy-cluster"),
        pytest.param([web(healthCheckNodePort=0), READY], {}, id="no-port"),
        pytest.param([web(loadBalancerClass="example.org/lb"), READY], {}, id="not-ours"),
    ],
)
def test_services_to_ask_about(objects: list[Object], asked: dict[ServiceFamily, int]) -> None:
    local = LocalEndpoints("n1")
    assert local.update(cluster_of(*objects)) == Changes(asked, frozenset(), frozenset())
    assert local.ports == asked


def test_changes_alone_are_returned() -> None:
    local, cluster = LocalEndpoints("n1"), cluster_of(web(), READY)
    assert local.update(cluster).ports == {WEB4: PORT}
    assert local.update(cluster).ports == {}
    moved = replace(cluster, services=cluster_of(web(healthCheckNodePort=PORT + 1)).services)
    assert local.update(moved).ports == {WEB4: PORT + 1}
    assert local.update(replace(moved, slices={})).ports == {WEB4: None}
    assert local.ports == {}


def test_node_that_appears_has_all_its_endpoints() -> None:
    local, cluster = LocalEndpoints("n1"), cluster_of(web(), READY)
    assert local.update(replace(cluster, nodes={})).ports == {}
    assert local.update(cluster).ports == {WEB4: PORT}


OLD = web(externalTrafficPolicy="Cluster", healthCheckNodePort=0)
ANOTHER = web() | {"metadata": {**web()["metadata"], "uid": "another"}}
IT, NONE = frozenset({WEB4}), frozenset[ServiceFamily]()


@pytest.mark.parametrize(
    ("before", "after", "had_cluster", "had_port"),
    [
        pytest.param([OLD, READY], web(), IT, NONE, id="policy-cluster-with-the-endpoint"),
        pytest.param([OLD], web(), NONE, NONE, id="policy-cluster-without-it"),
        pytest.param(
            [OLD, endpoints("web", endpoint(on="n2"))], web(), NONE, NONE, id="policy-cluster-on-another-node"
        ),
        pytest.param([OLD | {"spec": {**OLD["spec"], "type": "ClusterIP"}}, READY], web(), NONE, NONE, id="not-ours"),
        pytest.param([web(healthCheckNodePort=PORT + 1), READY], web(), NONE, IT, id="another-port"),
        pytest.param([web(healthCheckNodePort=PORT + 1)], web(), NONE, NONE, id="another-port-without-the-endpoint"),
        pytest.param([OLD, READY], ANOTHER, NONE, NONE, id="another-service-of-that-name"),
    ],
)
def test_endpoint_that_was_there_before(
    before: list[Object], after: Object, had_cluster: frozenset[ServiceFamily], had_port: frozenset[ServiceFamily]
) -> None:
    local = LocalEndpoints("n1")
    local.update(cluster_of(*before))
    assert local.update(cluster_of(after, READY)) == Changes({WEB4: PORT}, had_cluster, had_port)


def test_service_that_is_deleted_while_the_node_is_away_is_forgotten() -> None:
    local, cluster = LocalEndpoints("n1"), cluster_of(web(), READY)
    local.update(cluster)
    away = replace(cluster, nodes={})
    local.update(away)
    local.update(replace(away, services={}, slices={}))
    assert local.ports == {}


def test_service_that_is_deleted_when_the_node_comes_back_is_forgotten() -> None:
    local, cluster = LocalEndpoints("n1"), cluster_of(web(), READY)
    local.update(cluster)
    local.update(replace(cluster, nodes={}))
    local.update(replace(cluster, services={}, slices={}))
    assert local.ports == {}
