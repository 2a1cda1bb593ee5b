"""Sessions of a node, next hops, and the order of things in the plan."""

from dataclasses import replace

import pytest

from exalb.manifests import picture
from exalb.reasons import Reason
from exalb.routes import RoutePlanner
from tests.unit.objects import Object, advertisement, endpoints, node, peer, planned, pool, service, tells

POOL = pool("main", "198.51.100.7/32", "2001:db8::7/128")
WEB = service(ipFamilyPolicy="RequireDualStack")
SERVED = [POOL, WEB, endpoints(), endpoints(family="IPv6")]
V4, V6 = "198.51.100.7/32", "2001:db8::7/128"
OVER_6 = {"peerAddress": "2001:db8:113::1"}
LINK_LOCAL = {"peerAddress": "fe80::1", "sourceInterface": "eth0"}
EXTENDED = {"extendedNextHop": True}


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
        pytest.param({"families": ["IPv6"]}, [], [f"{V6} NoNextHop"], id="ipv6-alone"),
    ],
)
def test_next_hop(peering: Object, addresses: list[str], says: list[str]) -> None:
    assert tells(*SERVED, peer(**peering), node("n1", *addresses)) == {"n1 tor": says}


def test_no_router_takes_a_route_through_itself() -> None:
    racks = peer(peerAddressFrom={"nodeAnnotation": "tor"}, nextHop="203.0.113.1")
    del racks["spec"]["peerAddress"]
    nodes = [node(f"n{n}", f"10.77.0.{n}", annotations={"tor": f"203.0.113.{n}"}) for n in (1, 2)]
    said = tells(*SERVED, racks, *nodes)
    assert said == {
        "n1 tor": [f"{V4} NoNextHop", f"{V6} NoNextHop"],
        "n2 tor": [f"{V4} via=203.0.113.1", f"{V6} NoNextHop"],
    }


def test_an_external_address_is_no_next_hop() -> None:
    assert tells(*SERVED, peer(), node("n1", external=["2001:db8:9::1"])) == {"n1 tor": [V4, f"{V6} NoNextHop"]}


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
    assert tells(*SERVED, peer("bad", holdTime=1), peer(), node()) == {"n1 tor": [V4, f"{V6} NoNextHop"]}


def test_each_held_address_that_is_not_told_has_a_row_whatever_the_cause() -> None:
    peers = [peer("a"), peer("b", peerAddress="203.0.113.2"), peer("c", peerAddress="203.0.113.3", families=["IPv4"])]
    objects = [POOL, WEB, endpoints(), *peers, node(), advertisement(peers=["a"])]
    assert tells(*objects) == {
        "n1 a": [V4, f"{V6} NoReadyEndpoints"],
        "n1 b": [f"{V4} NoMatchingAdvertisement", f"{V6} NoReadyEndpoints"],
        "n1 c": [f"{V4} NoMatchingAdvertisement"],
    }


def test_what_is_withheld_says_for_whom_and_why() -> None:
    plan = planned(POOL, service("team/web"), peer(), node())
    assert plan["nodes"][0]["sessions"][0]["withheld"] == [
        {
            "service": "team/web",
            "prefix": V4,
            "reason": "NoReadyEndpoints",
            "message": "team/web has no ready IPv4 endpoint",
        }
    ]


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
    services = [service(name, f"198.51.100.{n}") for name, n in (("b", 9), ("a/z", 100), ("a", 20), ("none", 3))]
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


@pytest.mark.parametrize("beside", [[], [advertisement("hosts")]], ids=["alone", "beside-host-routes"])
def test_what_others_do_to_an_aggregate_is_said_of_its_members_and_taken_back(beside: list[Object]) -> None:
    """The planner that remembers the one Service is asked again when only another one's endpoints changed."""
    ads = [
        advertisement("all", aggregationLength=24, med=1),
        advertisement("web", aggregationLength=24, med=2, serviceSelectors=[{"matchLabels": {"app": "web"}}]),
    ]
    members = [service("web", "198.51.100.1", labels={"app": "web"}), service("other", "198.51.100.2")]
    rest = [pool("main", "198.51.100.0/24"), peer(), node(), *ads, *beside, *members]
    alone, _ = picture([*rest, endpoints("other")], "exalb-system")
    both = replace(alone, slices={**alone.slices, **picture([endpoints("web")], "exalb-system")[0].slices})
    planner = RoutePlanner("n1")
    for cluster in (alone, both, alone, both):
        withheld = planner.plan(cluster).sessions["tor"].withheld
        assert withheld == RoutePlanner("n1").plan(cluster).sessions["tor"].withheld
        reasons = {key.name: refusal.reason for (key, _), refusal in withheld.items()}
        conflict = Reason.CONFLICTING_ADVERTISEMENTS
        expected = {"web": conflict, "other": conflict} if cluster is both else {"web": Reason.NO_READY_ENDPOINTS}
        assert reasons == expected
