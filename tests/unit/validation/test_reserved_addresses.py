"""Addresses that a router has are given to no Service, taken back from one, and told by nobody; pools stay valid."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from exalb.allocation.allocator import Allocator
from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Key
from exalb.model.local_node import Gateway, LocalNode
from exalb.validation.rules import validate
from exalb_bgp.session import Family
from tests.support.decisions import plan_of
from tests.support.objects import (
    Object,
    Row,
    assigned_service,
    check,
    endpoints,
    node,
    peer,
    planned,
    pool,
    service,
    wants,
)
from tests.unit.analysis.test_warnings import conditions

NEAR = pool("near", "203.0.113.0/30")
TOR = peer()
ASK = wants(addresses="203.0.113.1")
BY_NOTE = peer("rack", peerAddressFrom={"nodeAnnotation": "router"}, nodeSelectors=[{"matchLabels": {"rack": "1"}}])
del BY_NOTE["spec"]["peerAddress"]

BY_GATEWAY = peer("gw", peerAddressFrom={"defaultGateway": "IPv4"})
del BY_GATEWAY["spec"]["peerAddress"]


def noted(name: str, router: str, rack: str = "1") -> Object:
    """Return a Node that says who its router is."""
    return node(name, annotations={"router": router}, rack=rack)


ROWS = [
    Row(
        "the-others-are-given",
        [NEAR, TOR, *map(service, "abcd")],
        {"a": "203.0.113.0", "b": "203.0.113.2", "c": "203.0.113.3", "d": "PoolExhausted"},
        "pool near: 3 of 3 addresses are in use, 1 of nodes or routers never given",
    ),
    Row(
        "not-on-request",
        [NEAR, TOR, service(annotations=ASK)],
        {"web": "AddressInUse"},
        "203.0.113.1 is the address of BGPPeer tor",
    ),
    Row(
        "not-even-where-it-is-reserved",
        [
            pool("near", "203.0.113.0/30", reservations=[{"address": "203.0.113.1", "namespace": "default"}]),
            TOR,
            service(),
        ],
        {"web": "203.0.113.0"},
    ),
    Row("given-back-by-who-has-it", [NEAR, TOR, service("web", "203.0.113.1")], {"web": "203.0.113.0"}),
    Row(
        "given-back-where-there-is-no-other",
        [pool("one", "203.0.113.1/32"), TOR, service("web", "203.0.113.1")],
        {"web": "PoolExhausted"},
        "pool one: 0 of 0 addresses are in use, 1 of nodes or routers never given",
    ),
    Row(
        "next-hop",
        [NEAR, peer(peerAddress="203.0.113.9", nextHop="203.0.113.1"), service(annotations=ASK)],
        {"web": "AddressInUse"},
        "203.0.113.1 is the nextHop of BGPPeer tor",
    ),
    Row(
        "source-address",
        [NEAR, peer(peerAddress="203.0.113.9", sourceAddress="203.0.113.1"), service(annotations=ASK)],
        {"web": "AddressInUse"},
        "203.0.113.1 is the sourceAddress of BGPPeer tor",
    ),
    Row(
        "ipv6",
        [pool("six", "2001:db8:113::/126"), peer(peerAddress="2001:db8:113::"), service(ipFamilies=["IPv6"])],
        {"web": "2001:db8:113::1"},
    ),
    Row(
        "of-an-annotation",
        [NEAR, BY_NOTE, noted("n1", "203.0.113.0"), noted("n2", "203.0.113.2"), noted("n3", "?"), service()],
        {"web": "203.0.113.1"},
    ),
    Row(
        "of-an-annotation-that-nobody-asks-for",
        [NEAR, BY_NOTE, noted("n1", "203.0.113.0", "2"), service()],
        {"web": "203.0.113.0"},
    ),
    Row(
        "of-a-peer-out-of-force",
        [NEAR, peer(passwordSecretRef={"name": "nowhere"}), service(annotations=ASK)],
        {"web": "AddressInUse"},
    ),
    Row("of-a-peer-that-cannot-be-read", [NEAR, peer(holdTime=1), service(annotations=ASK)], {"web": "203.0.113.1"}),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_no_service_gets_it(row: Row) -> None:
    check(row)


def test_the_pool_stays_valid_and_says_so() -> None:
    found = planned(NEAR, TOR)
    assert found["invalid"] == []
    [note] = found["notes"]
    assert (note["kind"], note["name"], note["field"]) == ("IPAddressPool", "near", "spec.addresses")
    assert (
        note["message"]
        == "203.0.113.1 is the address of BGPPeer tor: no Service ever gets it; leave it out of the pool"
    )
    told = conditions(NEAR, TOR, kind="IPAddressPool")
    assert told == {"Ready": ("True", "Accepted"), "Effective": ("False", "PoolContainsPeerAddress")}
    assert conditions(NEAR, peer(peerAddress="192.0.2.1"), kind="IPAddressPool")["Effective"] == ("True", "NoWarnings")
    assert conditions(NEAR, kind="IPAddressPool")["Effective"] == ("False", "NotAdvertised")
    assert "Effective" not in conditions(pool("x", "?"), kind="IPAddressPool")


def test_a_peer_that_comes_later_is_noticed_by_who_remembers() -> None:
    before, _ = snapshot_of([NEAR, service("web", "203.0.113.1")], "exalb-system")
    after, allocator = replace(before, peers=snapshot_of([TOR], "exalb-system")[0].peers), Allocator()
    gets = [
        str(allocator.allocate(one, validate(one)).outcomes[Key("default", "web")].addresses[0])
        for one in (before, after, before)
    ]
    assert gets == ["203.0.113.1", "203.0.113.0", "203.0.113.1"]


@pytest.mark.parametrize(
    ("rest", "host", "says"),
    [
        ([TOR, node()], LocalNode(), "203.0.113.1 is the address of BGPPeer tor"),
        (
            [BY_GATEWAY, node()],
            LocalNode({Family.IPV4: Gateway(ip_address("203.0.113.1"), "eth0")}),
            "203.0.113.1 is the address of BGPPeer gw on node n1",
        ),
    ],
    ids=["of-a-peer", "of-a-default-gateway"],
)
def test_nobody_tells_it(rest: list[Object], host: LocalNode, says: str) -> None:
    """Not even while a Service's status still holds it, for want of a controller that takes it back."""
    cluster, _ = snapshot_of([NEAR, *rest, assigned_service("web", "203.0.113.1"), endpoints()], "exalb-system")
    (session,) = plan_of("n1", replace(cluster, host=host)).sessions.values()
    assert [refusal.message for refusal in session.withheld.values()] == [says]
    assert not session.rib
