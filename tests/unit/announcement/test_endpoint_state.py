"""The best endpoints of a Service on a node, their number, and which objects a refusal names."""

from ipaddress import ip_address
from typing import Any

import pytest

from exalb.announcement.eligibility import EXCLUDED, EndpointState, NodeContext, endpoint_state, node_refusal
from exalb.api.reasons import Reason
from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Key
from exalb.model.local_node import DataPlane, LocalNode
from exalb.model.scope import DEFAULT, Scope
from exalb_bgp.session import Family
from tests.support.objects import Object, endpoint, endpoints, node, service

READY: Any = {"ready": True}
DRAINING: Any = {"ready": False, "serving": True}
GONE: Any = {"ready": False, "serving": False}
HTTP = {"name": "http", "port": 80}
DNS = {"name": "dns", "port": 53, "protocol": "UDP"}
PORTS = ["dns (UDP), http (TCP)"]
SELECTOR = {"tier": "gold", "app": "web"}
SELECTED = ["app=web,tier=gold"]


def web(local: bool = False, **spec: Any) -> Object:
    """Return a Service with two ports and a selector."""
    policy = {"externalTrafficPolicy": "Local", "healthCheckNodePort": 30100} if local else {}
    return service("web", **{"ports": [HTTP, DNS], "selector": SELECTOR, **policy, **spec})


def ends(*conditions: dict[str, Any], on: str = "n1", at: int = 1, **more: Any) -> Object:
    """Return a slice with an endpoint for each of the conditions, on one node."""
    entries = (endpoint(f"10.88.{at}.{number}", on, **one) for number, one in enumerate(conditions, 2))
    return endpoints("web", *entries, **{"name": f"web-{at}", "ports": [HTTP], **more})


CLUSTER, LOCAL = web(), web(local=True)
ELSEWHERE = ends(READY, READY, READY, on="n2", at=2)
SIX = endpoints("web", family="IPv6", ports=[HTTP])


def found(
    which: Object, slices: list[Object], programmed: bool = True
) -> tuple[EndpointState, int, Reason | None, str]:
    """Return the endpoints of the Service on n1, and the reason and the message where there are none."""
    cluster, _ = snapshot_of([which, node("n1"), node("n2"), *slices], "exalb-system")
    key = Key("default", "web")
    parts = cluster.slices.get(key, ())
    state, number, refusal = endpoint_state(
        cluster.services[key], parts, cluster.nodes["n1"], Family.IPV4, programmed=programmed
    )
    return state, number, refusal.reason if refusal else None, refusal.message if refusal else ""


@pytest.mark.parametrize(
    ("which", "slices", "state", "number"),
    [
        pytest.param(CLUSTER, [ends(READY, READY)], EndpointState.READY, 0, id="cluster"),
        pytest.param(CLUSTER, [ends(DRAINING)], EndpointState.DRAINING, 0, id="cluster-draining"),
        pytest.param(LOCAL, [ends(READY, READY), ELSEWHERE], EndpointState.READY, 2, id="local"),
        pytest.param(LOCAL, [ends(READY, DRAINING, READY)], EndpointState.READY, 2, id="local-draining-do-not-count"),
        pytest.param(LOCAL, [ends(DRAINING, GONE, DRAINING)], EndpointState.DRAINING, 2, id="local-draining"),
        pytest.param(LOCAL, [ends(READY), ends(READY, at=3)], EndpointState.READY, 2, id="local-in-two-slices"),
        pytest.param(
            LOCAL,
            [ends(READY, DRAINING), ends(DRAINING, READY, name="again")],
            EndpointState.READY,
            2,
            id="the-same-in-two-slices",
        ),
    ],
)
def test_endpoints_are_counted(which: Object, slices: list[Object], state: EndpointState, number: int) -> None:
    assert found(which, slices) == (state, number, None, "")


@pytest.mark.parametrize(
    ("slices", "state", "number", "reason"),
    [
        pytest.param([ends(READY)], EndpointState.NONE, 0, Reason.ENDPOINTS_NOT_PROGRAMMED, id="ready"),
        pytest.param([ends(READY, DRAINING)], EndpointState.DRAINING, 1, None, id="ready-and-draining"),
        pytest.param([ends(DRAINING)], EndpointState.DRAINING, 1, None, id="draining"),
        pytest.param([], EndpointState.NONE, 0, Reason.NO_READY_ENDPOINTS, id="none"),
    ],
)
def test_endpoints_that_are_not_programmed(
    slices: list[Object], state: EndpointState, number: int, reason: Reason | None
) -> None:
    result = found(LOCAL, slices, programmed=False)
    assert result[:3] == (state, number, reason)
    is_named = all(name in result[3] for name in ("default/web", "n1", "30100"))
    assert is_named is (reason is Reason.ENDPOINTS_NOT_PROGRAMMED)


ALL_NAMES = ["n1", *PORTS, *SELECTED]


@pytest.mark.parametrize(
    ("which", "slices", "names"),
    [
        pytest.param(CLUSTER, [], SELECTED, id="no-slice"),
        pytest.param(CLUSTER, [ends(GONE)], SELECTED, id="no-endpoint"),
        pytest.param(CLUSTER, [ends(GONE, ports=[])], SELECTED, id="no-endpoint-and-no-port"),
        pytest.param(web(selector={}), [], [], id="no-selector"),
        pytest.param(CLUSTER, [SIX], [], id="other-family"),
        pytest.param(CLUSTER, [ends(READY, ports=[])], PORTS, id="no-port"),
        pytest.param(CLUSTER, [ends(READY, ports=[]), ends(GONE, at=2)], PORTS, id="no-port-where-there-are-endpoints"),
        pytest.param(LOCAL, [], ["n1", *SELECTED], id="local-no-slice"),
        pytest.param(LOCAL, [ELSEWHERE], ["n1"], id="local-elsewhere"),
        pytest.param(LOCAL, [ELSEWHERE, ends(READY, ports=[])], ["n1"], id="local-with-the-port-elsewhere"),
        pytest.param(LOCAL, [ends(READY, on="n2", ports=[])], ["n1", *PORTS], id="local-no-port"),
    ],
)
def test_refusal_names_what_is_missing(which: Object, slices: list[Object], names: list[str]) -> None:
    state, number, reason, message = found(which, slices)
    assert (state, number, reason) == (EndpointState.NONE, 0, Reason.NO_READY_ENDPOINTS)
    assert all(name in message for name in ("default/web", "IPv4"))
    assert [name for name in ALL_NAMES if name in message] == [name for name in ALL_NAMES if name in names]
    assert ("selector" in message) is (not which["spec"]["selector"])


LABEL = {EXCLUDED: ""}
"""A label that is there, whatever its value."""


@pytest.mark.parametrize(
    ("which", "host", "scope", "reason", "named"),
    [
        pytest.param(node("n1"), DataPlane.UP, DEFAULT, None, "", id="well"),
        pytest.param(node("n1"), DataPlane.NOT_MONITORED, DEFAULT, None, "", id="nobody-asks"),
        pytest.param(node("n1"), DataPlane.PROBE_IGNORED, DEFAULT, None, "", id="probe-ignored"),
        pytest.param(node("n1"), DataPlane.DOWN, DEFAULT, Reason.DATA_PLANE_DOWN, "status 503", id="down"),
        pytest.param(node("n1"), DataPlane.STARTING, DEFAULT, Reason.DATA_PLANE_DOWN, "status 503", id="starting"),
        pytest.param(node("n1", **LABEL), DataPlane.UP, DEFAULT, Reason.NODE_EXCLUDED, EXCLUDED, id="excluded"),
        pytest.param(
            node("n1", **LABEL), DataPlane.UP, Scope(ignore_exclude_label=True), None, "", id="excluded-and-ignored"
        ),
        pytest.param(
            node("n1", unavailable="True"),
            DataPlane.UP,
            DEFAULT,
            Reason.NODE_NETWORK_UNAVAILABLE,
            "NetworkUnavailable",
            id="no-network",
        ),
    ],
)
def test_node_that_announces_nothing(
    which: Object, host: DataPlane, scope: Scope, reason: Reason | None, named: str
) -> None:
    (one,) = snapshot_of([which], "exalb-system")[0].nodes.values()
    refusal = node_refusal(one, LocalNode(data_plane=host, why="status 503"), scope)
    assert (refusal and refusal.reason) is reason
    assert refusal is None or all(name in refusal.message for name in ("n1", named))


@pytest.mark.parametrize(
    ("address", "reason", "names"),
    [
        pytest.param("198.51.100.7", None, (), id="of-nobody"),
        pytest.param("198.51.100.8", Reason.ADDRESS_IN_USE, ("198.51.100.8", "node n1"), id="of-the-node"),
        pytest.param("203.0.113.1", Reason.ADDRESS_IN_USE, ("203.0.113.1", "BGPPeer tor", "node n1"), id="of-a-router"),
    ],
)
def test_address_that_no_service_may_have_there(address: str, reason: Reason | None, names: tuple[str, ...]) -> None:
    (one,) = snapshot_of([node("n1", "198.51.100.8")], "exalb-system")[0].nodes.values()
    refusal = NodeContext(one, None, {ip_address("203.0.113.1"): "tor"}).refusal_of(ip_address(address))
    assert (refusal and refusal.reason) is reason
    assert refusal is None or all(name in refusal.message for name in names)
