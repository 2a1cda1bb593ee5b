"""The addresses that nodes, their gateways and their pods have: assigned to no Service, and taken from none."""

from typing import Any

import pytest

from tests.support.objects import Object, Row, check, node, peer, planned, pool, service, wants

HAS = "198.51.100.1"
MAIN = pool("main", "198.51.100.0/29")
WEB, HOLDER = service("web", annotations=wants(addresses=HAS)), service("web", HAS)


def with_pods(*cidrs: Any, name: str = "n1") -> Object:
    """Return a Node with these podCIDRs."""
    return {**node(name), "spec": {"podCIDRs": list(cidrs)}}


def gateway_peer(**source: Any) -> Object:
    """Return a BGPPeer whose router each node knows."""
    raw = peer("gw", peerAddressFrom=source or {"defaultGateway": "IPv4"})
    del raw["spec"]["peerAddress"]
    return raw


def selective_peer() -> Object:
    """Return such a BGPPeer for the nodes of one rack."""
    raw = gateway_peer()
    return {**raw, "spec": {**raw["spec"], "nodeSelectors": [{"matchLabels": {"rack": "1"}}]}}


def reports(*routers: Any, of: str = "gw", on: str = "n1") -> Object:
    """Return the BGPSpeaker of a node with a session for each of these routers, all of one BGPPeer."""
    sessions = [{"peer": of, "peerAddress": router, "state": "Active"} for router in routers]
    return {
        "apiVersion": "exalb.io/v1beta1",
        "kind": "BGPSpeaker",
        "metadata": {"name": on, "uid": on},
        "status": {"sessions": sessions},
    }


CLAIMS = {
    "a node": ([node("n1", HAS)], "the address of node n1"),
    "an ExternalIP of a node": ([node("n1", external=[HAS])], "the address of node n1"),
    "pods": ([with_pods("198.51.100.0/30")], "in 198.51.100.0-198.51.100.3, the addresses of the pods of node n1"),
    "a gateway": ([gateway_peer(), node("n1"), reports(HAS)], "the default gateway of node n1 (BGPPeer gw)"),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_request_for_a_claimed_address_is_refused(claim: str) -> None:
    claiming, text = CLAIMS[claim]
    check(Row(claim, [MAIN, *claiming, WEB], {"web": "AddressInUse"}, f"{HAS} is {text}"))


@pytest.mark.parametrize("claim", CLAIMS)
def test_claimed_address_is_kept_by_the_service_that_has_it(claim: str) -> None:
    claiming, _ = CLAIMS[claim]
    check(Row(claim, [MAIN, *claiming, HOLDER], {"web": HAS}))


@pytest.mark.parametrize("claim", CLAIMS)
def test_pool_with_a_claimed_address_says_so(claim: str) -> None:
    claiming, text = CLAIMS[claim]
    found = planned(MAIN, *claiming)
    messages = [
        row["message"]
        for row in (*found["invalid"], *found.get("notes", []))
        if row["kind"] == "IPAddressPool" and row["reason"] != "NotAdvertised"
    ]
    assert len(messages) == 1
    assert text in messages[0]


ROWS = [
    Row("pods-are-skipped", [MAIN, with_pods("198.51.100.0/30"), service()], {"web": "198.51.100.4"}),
    Row(
        "pods-of-several-nodes-are-skipped",
        [MAIN, with_pods("198.51.100.0/31"), with_pods("198.51.100.2/31", "2001:db8::/64", name="n2"), service()],
        {"web": "198.51.100.4"},
    ),
    Row(
        "only-pods",
        [MAIN, with_pods("198.51.100.0/24"), service()],
        {"web": "PoolExhausted"},
        "pool main: 0 of 0 addresses are in use",
    ),
    Row("pods-elsewhere", [MAIN, with_pods("10.244.0.0/24", "?", None), service()], {"web": "198.51.100.0"}),
    Row("a-gateway-is-skipped", [MAIN, gateway_peer(), node("n1"), reports("198.51.100.0"), service()], {"web": HAS}),
    Row(
        "a-report-of-no-address", [MAIN, gateway_peer(), node("n1"), reports(None), service()], {"web": "198.51.100.0"}
    ),
    Row(
        "a-report-of-junk",
        [MAIN, gateway_peer(), node("n1"), reports("fe80::1%eth0"), service()],
        {"web": "198.51.100.0"},
    ),
    Row(
        "a-report-of-many-gateways-claims-the-first",
        [MAIN, gateway_peer(), node("n1"), reports(*(f"198.51.100.{n}" for n in range(8))), service()],
        {"web": HAS},
    ),
    Row(
        "a-report-of-no-node-of-the-peer",
        [MAIN, selective_peer(), node("n1", rack="2"), reports("198.51.100.0"), service()],
        {"web": "198.51.100.0"},
    ),
    Row("a-report-of-no-node", [MAIN, gateway_peer(), reports("198.51.100.0"), service()], {"web": "198.51.100.0"}),
    Row(
        "a-report-about-a-peer-with-an-address",
        [MAIN, peer(), reports("198.51.100.0", of="tor"), service()],
        {"web": "198.51.100.0"},
    ),
    Row("a-report-about-no-peer", [MAIN, reports("198.51.100.0"), service()], {"web": "198.51.100.0"}),
    Row(
        "a-router-takes-its-address-although-a-node-claims-it",
        [MAIN, peer(peerAddress=HAS), node("n1", HAS), HOLDER],
        {"web": "198.51.100.0"},
    ),
    Row(
        "a-node-claims-a-whole-pool",
        [pool("wide", "198.51.100.0/27"), node("n1", *(f"198.51.100.{n}" for n in range(32))), service()],
        {"web": "198.51.100.16"},
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_claimed_addresses(row: Row) -> None:
    check(row)


def test_used_addresses_of_a_pool_with_pods_are_counted_without_them() -> None:
    found = planned(MAIN, with_pods("198.51.100.0/30"), node("n2", HAS), *(service(name) for name in "abcde"))
    (refused,) = [row for row in found["services"] if row["reason"]]
    assert refused["reason"] == "PoolExhausted"
    assert "4 of 4" in refused["message"]
