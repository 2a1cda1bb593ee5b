"""What a node has a say in, its router, AS number and BGP identifier, and what comes of it when it says it wrong."""

from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

import pytest

from exalb.announcement.planner import NodePlan, RoutePlanner
from exalb.api.reasons import Reason
from exalb.kube.manifests import snapshot_of
from exalb.model.local_node import Gateway, LocalNode
from exalb.validation.rules import validate
from exalb_bgp.session import Family
from tests.support.decisions import plan_of
from tests.support.objects import (
    Object,
    announcements,
    assigned_service,
    endpoints,
    invalid,
    node,
    peer,
    planned,
    pool,
    service,
)

POOL = pool("main", "198.51.100.7/32", "2001:db8::7/128")
SERVED = [POOL, service(ipFamilyPolicy="RequireDualStack"), endpoints(), endpoints(family="IPv6")]
V4, V6 = "198.51.100.7/32", "2001:db8::7/128"
ROUTER = {"nodeAnnotation": "example.com/router"}
BY_NAME: Object = {"peerAddress": None, "peerAddressFrom": ROUTER}
GATEWAY: Object = {"peerAddress": None, "peerAddressFrom": {"defaultGateway": "IPv4"}}
GATEWAY_6: Object = {"peerAddress": None, "peerAddressFrom": {"defaultGateway": "IPv6"}}
ADDRESS = "BGPPeer tor spec.peerAddressFrom"


def ask(name: str = "tor", **spec: Any) -> Object:
    """Return a BGPPeer; a field given as None is left out."""
    made = peer(name, **spec)
    return made | {"spec": {key: value for key, value in made["spec"].items() if value is not None}}


def says(name: str = "n1", *addresses: str, **annotations: str) -> Object:
    """Return a Node with annotations `example.com/KEY`."""
    return node(name, *addresses, annotations={f"example.com/{key}": value for key, value in annotations.items()})


@dataclass(frozen=True, slots=True)
class Case:
    """A peer, nodes, the sessions that they have (node: address, both AS numbers), and what is said of the others."""

    id: str
    peer: Object
    nodes: list[Object]
    has: dict[str, str]
    wrong: dict[str, str]


def case(name: str, peer: Object, nodes: list[Object], has: Any = (), wrong: Any = ()) -> Case:
    """Return a row."""
    return Case(name, peer, nodes, dict(has), dict(wrong))


OWN_ASN: Object = {"myASN": None, "myASNFrom": {"nodeAnnotation": "example.com/asn"}}
ROUTERS_ASN: Object = {"peerASN": None, "peerASNFrom": {"nodeAnnotation": "example.com/tor-asn"}}

CASES = [
    case("a-router-of-its-own", ask(**BY_NAME), [says(router="203.0.113.9")], {"n1": "64512 203.0.113.9 64513"}),
    case("ipv6", ask(**BY_NAME), [says(router="2001:db8:113::9")], {"n1": "64512 2001:db8:113::9 64513"}),
    case("blanks-around", ask(**BY_NAME), [says(router=" 203.0.113.9 ")], {"n1": "64512 203.0.113.9 64513"}),
    case(
        "one-object-for-every-rack",
        ask(**BY_NAME, **OWN_ASN, **ROUTERS_ASN),
        [
            says("n1", **{"router": "203.0.113.1", "asn": "4200000001", "tor-asn": "64601"}),
            says("n2", **{"router": "203.0.113.2", "asn": "4200000002", "tor-asn": "64602"}),
        ],
        {"n1": "4200000001 203.0.113.1 64601", "n2": "4200000002 203.0.113.2 64602"},
    ),
    case(
        "who-says-nothing-has-none",
        ask(**BY_NAME),
        [says("n1"), says("n2", router=""), says("n3", router="203.0.113.9")],
        {"n3": "64512 203.0.113.9 64513"},
        {f"{ADDRESS}.nodeAnnotation": "node n1 has no annotation example.com/router: set it, or leave the node out"},
    ),
    case(
        "who-says-it-wrong-has-none",
        ask(**BY_NAME),
        [says("n1", router="rack-1"), says("n2", router="203.0.113.9")],
        {"n2": "64512 203.0.113.9 64513"},
        {f"{ADDRESS}.nodeAnnotation": "annotation example.com/router of node n1: 'rack-1' is not an IP address"},
    ),
    case(
        "no-router-to-speak-to",
        ask(**BY_NAME),
        [says("n1", router="224.0.0.5")],
        {},
        {f"{ADDRESS}.nodeAnnotation": "must be a unicast address"},
    ),
    case(
        "link-local-without-interface",
        ask(**BY_NAME),
        [says("n1", router="fe80::1")],
        {},
        {f"{ADDRESS}.nodeAnnotation": "not an IPv6 link-local one"},
    ),
    case(
        "text-without-end",
        ask(**BY_NAME),
        [says("n1", router="1" * 256)],
        {},
        {f"{ADDRESS}.nodeAnnotation": "has no annotation"},
    ),
    case(
        "three-are-named",
        ask(**BY_NAME),
        [says(f"n{number}") for number in range(1, 6)],
        {},
        {f"{ADDRESS}.nodeAnnotation": "leave the node out by nodeSelectors; and 2 more nodes"},
    ),
    case(
        "the-address-of-a-node",
        ask(**BY_NAME),
        [says("n1", "10.77.0.11", router="10.77.0.11"), says("n2", "10.77.0.12", router="203.0.113.9")],
        {"n2": "64512 203.0.113.9 64513"},
        {ADDRESS: "node n1 has the address 10.77.0.11 itself"},
    ),
    case(
        "source-of-the-other-family",
        ask(**BY_NAME, sourceAddress="203.0.113.5"),
        [says("n1", router="2001:db8::9"), says("n2", router="203.0.113.9")],
        {"n2": "64512 203.0.113.9 64513"},
        {"BGPPeer tor spec.sourceAddress": "2001:db8::9, the router of node n1, are of different families"},
    ),
    case("asn-0", ask(**OWN_ASN), [says(asn="0")], {}, {"BGPPeer tor spec.myASNFrom.nodeAnnotation": "greater than"}),
    case("asn-in-words", ask(**OWN_ASN), [says(asn="AS7")], {}, {"BGPPeer tor spec.myASNFrom.nodeAnnotation": "'AS7'"}),
    case(
        "asn-reserved",
        ask(**ROUTERS_ASN),
        [says(**{"tor-asn": "65535"})],
        {},
        {"BGPPeer tor spec.peerASNFrom.nodeAnnotation": "reserved (RFC 7300)"},
    ),
    case(
        "asn-of-many-digits",
        ask(**OWN_ASN),
        [says(asn="9" * 200)],
        {},
        {"BGPPeer tor spec.myASNFrom.nodeAnnotation": ""},
    ),
    case(
        "router-id",
        ask(routerIDFrom={"nodeAnnotation": "example.com/id"}),
        [says("n1", id="0.0.0.0"), says("n2", id="203.0.113.77")],
        {"n2": "64512 203.0.113.1 64513"},
        {"BGPPeer tor spec.routerIDFrom.nodeAnnotation": "is not a router ID"},
    ),
    case("a-gateway-that-nobody-sees-is-no-mistake", ask(**GATEWAY), [node("n1")]),
    case(
        "but-an-asn-that-nobody-says-is",
        ask(**GATEWAY, **OWN_ASN),
        [says("n1"), says("n2", asn="64600")],
        wrong={"BGPPeer tor spec.myASNFrom.nodeAnnotation": "node n1 has no annotation example.com/asn"},
    ),
    case(
        "and-a-router-id-that-is-none",
        ask(**GATEWAY, routerIDFrom={"nodeAnnotation": "example.com/id"}),
        [says("n1", id="one")],
        wrong={"BGPPeer tor spec.routerIDFrom.nodeAnnotation": "annotation example.com/id of node n1: 'one'"},
    ),
]


@pytest.mark.parametrize("row", CASES, ids=lambda row: row.id)
def test_terms(row: Case) -> None:
    objects = [row.peer, *row.nodes]
    sessions = {
        one["name"]: f"{session['localASN']} {session['peerAddress']} {session['peerASN']}"
        for one in planned(*objects)["nodes"]
        for session in one["sessions"]
        if session["peerAddress"]
    }
    assert sessions == row.has
    found = invalid(*objects)
    assert found.keys() == row.wrong.keys()
    assert not [(field, found[field]) for field, said in row.wrong.items() if said not in found[field]]


def test_what_is_not_told_without_a_session_has_its_row() -> None:
    nodes = [says("n1", "10.77.0.11", "fd00:77::11"), says("n2", "10.77.0.12", "fd00:77::12", router="203.0.113.9")]
    assert announcements(*SERVED, ask(**BY_NAME), *nodes) == {
        "n1 tor": [f"{V4} NodeAnnotationMissing", f"{V6} NodeAnnotationMissing"],
        "n2 tor": [V4, f"{V6} via=fd00:77::12"],
    }


def test_another_peer_goes_on() -> None:
    peers = [ask("a", **BY_NAME), ask("b", peerAddress="203.0.113.2", families=["IPv4"])]
    assert announcements(*SERVED, *peers, says("n1"))["n1 b"] == [V4]


@pytest.mark.parametrize("first", ["by-name", "by-address"])
def test_of_two_peers_with_one_address_on_a_node_the_later_has_no_session_there(first: str) -> None:
    days = {"by-name": 1, "by-address": 2} if first == "by-name" else {"by-name": 2, "by-address": 1}
    peers = [
        ask("by-name", day=days["by-name"], **BY_NAME, families=["IPv4"]),
        ask("by-address", day=days["by-address"], peerAddress="203.0.113.9", families=["IPv4"]),
    ]
    nodes = [says("n1", router="203.0.113.9"), says("n2", router="203.0.113.8")]
    told = announcements(*SERVED, *peers, *nodes)
    later = "by-address" if first == "by-name" else "by-name"
    assert told == {
        **{f"n1 {name}": [V4] for name in days if name != later},
        f"n1 {later}": [f"{V4} PeerAddressTaken"],
        "n2 by-name": [V4],
        "n2 by-address": [V4],
    }
    (message,) = invalid(*SERVED, *peers, *nodes).values()
    assert all(word in message for word in (f"BGPPeer {first}", "203.0.113.9", "node n1"))


ON_ETH0 = Gateway(ip_address("203.0.113.1"), "eth0")
LINK_LOCAL = Gateway(ip_address("fe80::1"), "eth0", ip_address("fe80::11"))


def seen(host: LocalNode, *objects: Object) -> NodePlan:
    """Return the plan of n1, which sees itself as `host`."""
    web = assigned_service("web", "198.51.100.7", "2001:db8::7", ipFamilyPolicy="RequireDualStack")
    cluster, _ = snapshot_of([web if raw["kind"] == "Service" else raw for raw in objects], "exalb-system")
    return plan_of("n1", replace(cluster, host=host))


def test_the_default_gateway_is_the_peer() -> None:
    plan = seen(LocalNode({Family.IPV4: ON_ETH0}), *SERVED, ask(**GATEWAY), node("n1", "10.77.0.11", "fd00:77::11"))
    session = plan.speaker.sessions["tor"]
    assert (session.peer_address, session.source_interface, session.local_address) == (ON_ETH0.address, None, None)
    assert len(plan.speaker.ribs["tor"]) == 2


def test_a_link_local_gateway_is_reached_from_its_interface_and_given_the_nodes_own_next_hop() -> None:
    plan = seen(
        LocalNode({Family.IPV6: LINK_LOCAL}), *SERVED, ask(**GATEWAY_6), node("n1", "10.77.0.11", "fd00:77::11")
    )
    session = plan.speaker.sessions["tor"]
    assert session.source_interface == "eth0"
    assert (session.peer_address, session.local_address) == LINK_LOCAL[::2]
    hops = {str(prefix): str(one.next_hop) for prefix, one in plan.speaker.ribs["tor"].items()}
    assert hops == {V4: "10.77.0.11", V6: "fd00:77::11"}


STATIC: Object = {"peerAddress": "fe80::1", "sourceInterface": "eth0"}


def test_a_link_local_router_is_reached_from_the_nodes_own_address_there() -> None:
    host = LocalNode({}, link_locals={"eth0": ip_address("fe80::11"), "eth1": ip_address("fe80::12")})
    session = seen(host, *SERVED, ask(**STATIC), node("n1", "10.77.0.11", "fd00:77::11")).speaker.sessions["tor"]
    assert (session.peer_address, session.source_interface, session.local_address) == (
        ip_address("fe80::1"),
        "eth0",
        ip_address("fe80::11"),
    )


def test_without_a_link_local_address_there_is_no_session() -> None:
    plan = seen(LocalNode({}, link_locals={"eth1": ip_address("fe80::12")}), *SERVED, ask(**STATIC), node("n1"))
    assert not plan.speaker.sessions
    reasons = {(refusal.reason, refusal.message) for refusal in plan.sessions["tor"].withheld.values()}
    says = "node n1 has no link-local address on eth0, which fe80::1 needs: check sourceInterface"
    assert reasons == {(Reason.NO_LINK_LOCAL_ADDRESS, says)}


@pytest.mark.parametrize(
    ("host", "says"),
    [
        pytest.param(LocalNode(), "only the speaker of node n1 knows the node's default gateway", id="nobody-looked"),
        pytest.param(LocalNode({}), "node n1 has no IPv4 default route to a router", id="none"),
        pytest.param(
            LocalNode({Family.IPV6: LINK_LOCAL}), "node n1 has no IPv4 default route", id="none-of-the-family"
        ),
    ],
)
def test_without_a_gateway_there_is_no_session(host: LocalNode, says: str) -> None:
    plan = seen(host, *SERVED, ask(**GATEWAY), node("n1", "10.77.0.11"))
    assert not plan.speaker.sessions
    assert not plan.speaker.ribs
    reasons = {(refusal.reason, says in refusal.message) for refusal in plan.sessions["tor"].withheld.values()}
    assert reasons == {(Reason.NO_DEFAULT_GATEWAY, True)}


def test_a_gateway_that_changes_moves_the_session_and_no_other() -> None:
    cluster, _ = snapshot_of(
        [*SERVED, ask("a", **GATEWAY), ask("b", peerAddress="203.0.113.2"), node("n1", "10.77.0.11")], "x"
    )
    planner = RoutePlanner("n1")
    hosts = [
        LocalNode({Family.IPV4: Gateway(ip_address(text), "eth0")})
        for text in ("203.0.113.1", "203.0.113.1", "203.0.113.3")
    ]
    first, same, moved = (planner.plan(replace(cluster, host=host), validate(cluster)) for host in hosts)
    assert same is first
    assert str(moved.speaker.sessions["a"].peer_address) == "203.0.113.3"
    assert moved.speaker.sessions["b"] is first.speaker.sessions["b"]
    assert moved == plan_of("n1", replace(cluster, host=hosts[-1]))


def test_an_annotation_that_nobody_asks_for_changes_nothing() -> None:
    planner = RoutePlanner("n1")
    clusters = [
        snapshot_of([*SERVED, ask(**BY_NAME), says("n1", "10.77.0.11", router="203.0.113.9", seen=text)], "x")[0]
        for text in ("a", "b")
    ]
    plans = [planner.plan(cluster, validate(cluster)) for cluster in clusters]
    assert plans[0] == plans[1]
    assert plans[0].speaker.sessions["tor"] is plans[1].speaker.sessions["tor"]
