"""Sessions of a node, next hops, and the order of things in the plan."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from exalb.announcement.planner import RoutePlanner
from exalb.api.reasons import Reason
from exalb.kube.manifests import snapshot_of
from exalb.validation.rules import validate
from tests.support.decisions import plan_of
from tests.support.objects import (
    Object,
    advertisement,
    announcements,
    assigned_service,
    endpoints,
    node,
    peer,
    planned,
    pool,
    service,
)

POOL = pool("main", "198.51.100.7/32", "2001:db8::7/128")
WEB = service(ipFamilyPolicy="RequireDualStack")
SERVED = [POOL, WEB, endpoints(), endpoints(family="IPv6")]
V4, V6 = "198.51.100.7/32", "2001:db8::7/128"
OVER_6 = {"peerAddress": "2001:db8:113::1"}
LINK_LOCAL = {"peerAddress": "fe80::1", "sourceInterface": "eth0"}
EXTENDED = {"extendedNextHop": True}
NO_HOPS = [f"{V4} NoNextHop", f"{V6} NoNextHop"]


@pytest.mark.parametrize(
    ("peering", "addresses", "says"),
    [
        pytest.param({}, ["10.77.0.11", "fd00:77::11"], [V4, f"{V6} via=fd00:77::11"], id="the-node's-own"),
        pytest.param({}, ["10.77.0.11"], [V4, f"{V6} NoNextHop"], id="ipv6-over-ipv4-without"),
        pytest.param({"nextHop": "2001:db8::1"}, [], [V4, f"{V6} via=2001:db8::1"], id="ipv6-over-ipv4-given"),
        pytest.param(
            {"nextHop": "2001:db8::1"}, ["fd00:77::11"], [V4, f"{V6} via=2001:db8::1"], id="given-before-the-node's"
        ),
        pytest.param(
            {"nextHop": "203.0.113.9"},
            ["10.77.0.11"],
            [f"{V4} via=203.0.113.9", f"{V6} NoNextHop"],
            id="given-for-ipv4",
        ),
        pytest.param(OVER_6, ["fd00:77::11"], [V6, f"{V4} NoNextHop"], id="ipv4-over-ipv6-without"),
        pytest.param(
            OVER_6, ["fd00:77::11", "10.77.0.11"], [f"{V4} via=10.77.0.11", V6], id="ipv4-over-ipv6-the-node's-own"
        ),
        pytest.param({**OVER_6, **EXTENDED}, ["fd00:77::11", "10.77.0.11"], [V4, V6], id="ipv6-for-both"),
        pytest.param({**OVER_6, **EXTENDED}, [], [V4, V6], id="ipv6-for-both-is-the-session's-own"),
        pytest.param(EXTENDED, ["10.77.0.11"], [V4, f"{V6} NoNextHop"], id="not-over-ipv4"),
        pytest.param(
            {**OVER_6, **EXTENDED, "nextHop": "2001:db8::1"},
            ["10.77.0.11"],
            [f"{V4} via=2001:db8::1", f"{V6} via=2001:db8::1"],
            id="ipv6-given-for-both",
        ),
        pytest.param(
            {**OVER_6, **EXTENDED, "nextHop": "203.0.113.9"},
            [],
            [f"{V4} via=203.0.113.9", V6],
            id="ipv4-given-all-same",
        ),
        pytest.param(
            {**LINK_LOCAL, **EXTENDED},
            ["10.77.0.11", "fd00:77::11"],
            [f"{V4} via=fd00:77::11", f"{V6} via=fd00:77::11"],
            id="link-local-by-the-node's-own",
        ),
        pytest.param(
            {**LINK_LOCAL, **EXTENDED}, ["10.77.0.11"], [f"{V4} NoNextHop", f"{V6} NoNextHop"], id="link-local-without"
        ),
        pytest.param(
            LINK_LOCAL,
            ["10.77.0.11", "fd00:77::11"],
            [f"{V4} via=10.77.0.11", f"{V6} via=fd00:77::11"],
            id="link-local-each-of-its-own",
        ),
        pytest.param({"families": ["IPv4"]}, ["fd00:77::11"], [V4], id="ipv4-alone"),
        *(
            pytest.param(
                {"peerAddress": router},
                ["10.77.0.11", "fd00:77::11"],
                [f"{V4} via=10.77.0.11", f"{V6} via=fd00:77::11"],
                id=f"router-at-{router}",
            )
            for router in ("127.0.0.1", "127.255.0.7", "::1")
        ),
        pytest.param({"peerAddress": "127.0.0.1"}, [], [f"{V4} NoNextHop", f"{V6} NoNextHop"], id="loopback-without"),
        pytest.param(
            {"peerAddress": "::1", **EXTENDED},
            ["10.77.0.11", "fd00:77::11"],
            [f"{V4} via=fd00:77::11", f"{V6} via=fd00:77::11"],
            id="loopback-ipv6-for-both",
        ),
        pytest.param(
            {"sourceAddress": "127.0.0.2"}, ["10.77.0.11"], [f"{V4} via=10.77.0.11", f"{V6} NoNextHop"], id="source"
        ),
        *(
            pytest.param(
                {"peerAddress": "127.0.0.5"}, [bad], [f"{V4} NoNextHop", f"{V6} NoNextHop"], id=f"node-at-{bad}"
            )
            for bad in (
                *("127.0.0.1", "0.0.0.0", "0.1.2.3", "169.254.1.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
                *("::1", "::", "ff02::1", "fe80::1", "::ffff:10.77.0.1"),
            )
        ),
        *(
            pytest.param({"nextHop": bad}, ["10.77.0.11"], NO_HOPS, id=f"given-{bad}")
            for bad in ("127.0.0.1", "240.0.0.1")
        ),
        pytest.param({"nextHop": "::1"}, [], [V4, f"{V6} NoNextHop"], id="given-::1"),
        pytest.param({"families": ["IPv6"]}, [], [f"{V6} NoNextHop"], id="ipv6-alone"),
    ],
)
def test_next_hop(peering: Object, addresses: list[str], says: list[str]) -> None:
    assert announcements(*SERVED, peer(**peering), node("n1", *addresses)) == {"n1 tor": says}


def test_no_router_takes_a_route_through_itself() -> None:
    racks = peer(peerAddressFrom={"nodeAnnotation": "tor"}, nextHop="203.0.113.1")
    del racks["spec"]["peerAddress"]
    nodes = [node(f"n{n}", f"10.77.0.{n}", annotations={"tor": f"203.0.113.{n}"}) for n in (1, 2)]
    said = announcements(*SERVED, racks, *nodes)
    assert said == {
        "n1 tor": [f"{V4} NoNextHop", f"{V6} NoNextHop"],
        "n2 tor": [f"{V4} via=203.0.113.1", f"{V6} NoNextHop"],
    }


def test_next_hop_within_its_own_prefix_is_withheld() -> None:
    objects = [
        POOL,
        assigned_service("web", "198.51.100.7"),
        endpoints(),
        peer(nextHop="198.51.100.7"),
        node("n1", "10.77.0.11"),
    ]
    plan = plan_of("n1", snapshot_of(objects, "exalb-system")[0]).sessions["tor"]
    assert [refusal.reason for refusal in plan.withheld.values()] == [Reason.ADDRESS_IN_USE]
    assert not plan.rib


def test_an_external_address_is_no_next_hop() -> None:
    assert announcements(*SERVED, peer(), node("n1", external=["2001:db8:9::1"])) == {"n1 tor": [V4, f"{V6} NoNextHop"]}


def test_sessions_are_opened_by_the_nodes_that_a_peer_selects() -> None:
    racks = [peer(f"p{n}", peerAddress=f"203.0.113.{n}", nodeSelectors=[{"matchLabels": {"rack": n}}]) for n in "12"]
    everybody = peer("all", peerASN=64512, peerAddress="203.0.113.9")
    plan = planned(*racks, everybody, node("n2", rack="2"), node("n1", rack="1"), node("n0", rack="9"))
    sessions = {one["name"]: [session["peer"] for session in one["sessions"]] for one in plan["nodes"]}
    assert sessions == {"n0": ["all"], "n1": ["all", "p1"], "n2": ["all", "p2"]}
    assert plan["nodes"][1]["sessions"][1] == {
        "peer": "p1",
        "peerAddress": "203.0.113.1",
        "localASN": 64512,
        "peerASN": 64513,
        "routes": [],
        "withheld": [],
    }


def test_a_node_without_a_session_has_its_row() -> None:
    assert planned(node("n1"))["nodes"] == [{"name": "n1", "sessions": []}]


def test_a_peer_out_of_force_has_no_session() -> None:
    assert announcements(*SERVED, peer("bad", holdTime=1), peer(), node()) == {"n1 tor": [V4, f"{V6} NoNextHop"]}


def test_each_held_address_that_is_not_told_has_a_row_whatever_the_cause() -> None:
    peers = [peer("a"), peer("b", peerAddress="203.0.113.2"), peer("c", peerAddress="203.0.113.3", families=["IPv4"])]
    objects = [POOL, WEB, endpoints(), *peers, node(), advertisement(peers=["a"])]
    assert announcements(*objects) == {
        "n1 a": [V4, f"{V6} NoReadyEndpoints"],
        "n1 b": [f"{V4} NoMatchingAdvertisement", f"{V6} NoReadyEndpoints"],
        "n1 c": [f"{V4} NoMatchingAdvertisement"],
    }


def test_what_is_withheld_says_for_whom_and_why() -> None:
    plan = planned(POOL, service("team/web"), peer(), node())
    [row] = plan["nodes"][0]["sessions"][0]["withheld"]
    assert row.pop("message")
    assert row == {"service": "team/web", "prefix": V4, "reason": "NoReadyEndpoints"}


def test_the_whole_shape_of_a_route() -> None:
    plan = planned(POOL, service(), endpoints(), peer(), node())
    assert plan["nodes"][0]["sessions"][0]["routes"] == [
        {
            "prefix": V4,
            "nextHop": "self",
            "localPref": None,
            "med": None,
            "asPathPrepend": 0,
            "communities": [],
            "largeCommunities": [],
            "extendedCommunities": [],
            "services": ["default/web"],
        }
    ]


def test_lists_are_in_order() -> None:
    wide = pool("main", "198.51.100.0/24", "2001:db8::/64")
    services = [
        assigned_service(name, f"198.51.100.{n}") for name, n in (("b", 9), ("a/z", 100), ("a", 20), ("none", 3))
    ]
    plan = planned(
        wide,
        *services,
        *(endpoints(name) for name in ("b", "a/z", "a")),
        *(peer(name, peerAddress=f"203.0.113.{n}") for n, name in enumerate("zab", 1)),
        *(node(name) for name in ("n2", "n10", "n1")),
        pool("q"),
        pool("p"),
    )
    assert [(one["namespace"], one["name"]) for one in plan["services"]] == [
        ("a", "z"),
        ("default", "a"),
        ("default", "b"),
        ("default", "none"),
    ]
    assert [one["name"] for one in plan["nodes"]] == ["n1", "n10", "n2"]
    assert [one["name"] for one in plan["invalid"]] == ["p", "q"]
    session = plan["nodes"][0]["sessions"][0]
    assert session["peer"] == "a"
    assert [route["prefix"] for route in session["routes"]] == [f"198.51.100.{n}/32" for n in (9, 20, 100)]


@pytest.mark.parametrize("more", [[], [advertisement("hosts")]], ids=["alone", "with-host-routes"])
def test_aggregate_member_in_conflict_is_refused_alone_and_again_announced(more: list[Object]) -> None:
    """The planner that remembers one Service plans again when only another one's endpoints changed."""
    ads = [
        advertisement("all", aggregationLength=24, med=1),
        advertisement("web", aggregationLength=24, med=2, serviceSelectors=[{"matchLabels": {"app": "web"}}]),
    ]
    members = [
        assigned_service("web", "198.51.100.1", labels={"app": "web"}),
        assigned_service("other", "198.51.100.2"),
    ]
    rest = [pool("main", "198.51.100.0/24"), peer(), node(), *ads, *more, *members]
    alone, _ = snapshot_of([*rest, endpoints("other")], "exalb-system")
    both = replace(alone, slices={**alone.slices, **snapshot_of([endpoints("web")], "exalb-system")[0].slices})
    planner = RoutePlanner("n1")
    for cluster in (alone, both, alone, both):
        plan = planner.plan(cluster, validate(cluster)).sessions["tor"]
        assert plan.withheld == plan_of("n1", cluster).sessions["tor"].withheld
        assert plan.routes == plan_of("n1", cluster).sessions["tor"].routes
        reason = Reason.CONFLICTING_ADVERTISEMENTS if cluster is both else Reason.NO_READY_ENDPOINTS
        assert {key.name: refusal.reason for (key, _), refusal in plan.withheld.items()} == {"web": reason}
        assert plan.rib[ip_network("198.51.100.0/24")].med == 1


def test_plan_is_the_same_object_while_nothing_changes() -> None:
    cluster, _ = snapshot_of([POOL, assigned_service("web", "198.51.100.7"), peer(), endpoints()], "exalb-system")
    cluster = replace(cluster, nodes=snapshot_of([node("n1", "10.77.0.11")], "exalb-system")[0].nodes)
    planner, rules = RoutePlanner("n1"), validate(cluster)
    plan = planner.plan(cluster, rules)
    ((key, web),) = cluster.services.items()
    edited = replace(cluster, services={key: replace(web, labels={"edited": "yes"})})
    assert planner.plan(edited, rules) is plan
    assert planner.plan(replace(edited, services={}), rules) is not plan
