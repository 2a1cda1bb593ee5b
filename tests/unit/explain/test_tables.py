"""The rows of `exalb peers`, `exalb routes` and `exalb pools`."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from exalb.cli.tables import parse_route
from exalb.explain.sessions import without_services
from exalb.explain.tables import bar, peer_rows, pool_rows, route_rows
from exalb.model.cluster import Key
from exalb.model.scope import Scope
from exalb_bgp.rib import Prefix
from tests.support.objects import (
    Object,
    advertisement,
    assigned_service,
    endpoint,
    endpoints,
    node,
    peer,
    pool,
    service,
)
from tests.support.observing import SINCE, down, observed, session, speaker

RACK: list[Object] = [
    pool("main", "198.51.100.0/29", "2001:db8:1::/64"),
    peer("tor"),
    node("n1", "203.0.113.11"),
    node("n2", "203.0.113.12"),
    node("n3", "203.0.113.13"),
    speaker("n1"),
    speaker("n2"),
    speaker("n3", down(error="connection refused")),
    assigned_service("shop/web", "198.51.100.1"),
    endpoints("shop/web", endpoint("10.88.1.2", "n1")),
    assigned_service("shop/idle", "198.51.100.2"),
    service("shop/late", annotations={"exalb.io/pool": "gone"}),
    advertisement("a", communities=["NO_EXPORT", "64512:1"], med=5),
]


def test_peers_have_a_row_for_each_session() -> None:
    rows = list(peer_rows(observed(*RACK)))
    assert [(row.node, row.state, row.since, row.sent, row.wanted, row.is_good) for row in rows] == [
        ("n1", "Established", SINCE, 1, 1, True),
        ("n2", "Established", SINCE, 1, 1, True),
        ("n3", "Active", SINCE, 0, 1, False),
    ]
    assert {(row.peer, row.address, row.asn) for row in rows} == {("tor", "203.0.113.1", "64513")}
    assert "connection refused" in rows[2].error


def test_peers_show_the_state_of_bfd_where_it_is_asked_for() -> None:
    down_bfd = session(bfd={"state": "Down", "message": "the router sends no BFD packets to this node"})
    rows = peer_rows(observed(peer("tor", bfd={}), node("n1"), node("n2"), speaker("n1", down_bfd), speaker("n2")))
    assert [(row.node, row.state, row.bfd) for row in rows] == [
        ("n1", "Established", "Down"),
        ("n2", "Established", ""),
    ]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (None, {("198.51.100.1/32", "sent"), ("198.51.100.1/32", "not sent"), ("198.51.100.2/32", "withheld")}),
        (Key("shop", "web"), {("198.51.100.1/32", "sent"), ("198.51.100.1/32", "not sent")}),
        (Key("shop", "late"), set()),
        (Key("shop", "absent"), set()),
        (ip_network("198.51.100.2/31"), {("198.51.100.2/32", "withheld")}),
        (ip_network("2001:db8::/32"), set()),
    ],
    ids=["all", "service", "without-address", "absent", "prefix", "other-family"],
)
def test_routes_that_are_asked_for(only: Key | Prefix | None, expected: set[tuple[str, str]]) -> None:
    assert {(row.prefix, row.status) for row in route_rows(observed(*RACK), only)} == expected


def test_routes_in_one_state_share_a_row() -> None:
    sent, missing, withheld = sorted(route_rows(observed(*RACK)), key=lambda row: row.nodes != ("n1", "n2"))[:3]
    assert (sent.nodes, sent.status, sent.reason) == (("n1", "n2"), "sent", "")
    assert sent.attributes == "med=5 64512:1 NO_EXPORT"
    assert (missing.nodes, missing.reason) == (("n3",), "SessionsDown")
    assert (withheld.nodes, withheld.reason) == (("n1", "n2", "n3"), "NoReadyEndpoints")


def test_pools_have_a_row_for_each_family() -> None:
    rows = [(row.pool, row.family, row.assigned, row.capacity, row.holders) for row in pool_rows(observed(*RACK))]
    assert rows == [
        ("main", "IPv4", 2, 8, ("shop/idle 198.51.100.2", "shop/web 198.51.100.1")),
        ("main", "IPv6", 0, 1 << 64, ()),
    ]


@pytest.mark.parametrize(
    ("assigned", "capacity", "filled"), [(0, 8, 0), (1, 1000, 1), (4, 8, 10), (999, 1000, 19), (8, 8, 20), (0, 0, 0)]
)
def test_bar_is_full_only_if_the_pool_is(assigned: int, capacity: int, filled: int) -> None:
    assert bar(assigned, capacity) == "#" * filled + "." * (20 - filled)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("198.51.100.7", ip_network("198.51.100.7/32")),
        ("2001:db8::/32", ip_network("2001:db8::/32")),
        ("web", Key("here", "web")),
        ("service/web", Key("here", "web")),
        ("shop/web", Key("shop", "web")),
        (None, None),
    ],
)
def test_routes_are_chosen_by_prefix_or_service(text: str | None, expected: Key | Prefix | None) -> None:
    assert parse_route(text, "here") == expected
    with pytest.raises(ValueError, match=r"198\.51\.100\.999"):
        parse_route("198.51.100.999", "here")


def test_cluster_without_services_keeps_everything_else() -> None:
    seen = observed(*RACK)
    scoped = replace(seen, cluster=replace(seen.cluster, scope=Scope("x.io/y", ignore_exclude_label=True)))
    assert without_services(scoped) == replace(scoped.cluster, services={}, slices={})
