"""Nodes that wait to be called: where, for whom, and what is said of those that cannot."""

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from exalb.announcement.planner import NodePlan
from exalb.api.reasons import Reason
from exalb.kube.manifests import snapshot_of
from exalb.model.local_node import Gateway, LocalNode
from exalb_bgp.session import Family
from tests.support.decisions import plan_of
from tests.support.objects import Object, invalid, node, peer, planned

PASSIVE: Any = {"passive": True, "localPort": 1790}
NODE, NODE_4 = node("n1", "10.77.0.11", "fd00:77::11"), node("n1", "10.77.0.11")
OVER_6: Any = {"peerAddress": "2001:db8:113::1"}


def seen(*objects: Object, host: LocalNode | None = None) -> NodePlan:
    """Return what the speaker of n1 does."""
    return plan_of("n1", replace(snapshot_of(objects, "exalb-system")[0], host=host or LocalNode()))


@pytest.mark.parametrize(
    ("objects", "where"),
    [
        pytest.param([peer(**PASSIVE), NODE], "10.77.0.11 1790", id="ipv4"),
        pytest.param([peer(**PASSIVE, **OVER_6), NODE], "fd00:77::11 1790", id="ipv6"),
        pytest.param([peer(**PASSIVE, sourceAddress="203.0.113.11"), NODE], "203.0.113.11 1790", id="source-address"),
        pytest.param(
            [peer("base", **PASSIVE, **OVER_6), peer(template="base"), NODE], "10.77.0.11 1790", id="template"
        ),
        pytest.param(
            [peer("base", **PASSIVE, **OVER_6), peer(template="base", localPort=1791), NODE],
            "10.77.0.11 1791",
            id="template-but-for-the-port",
        ),
    ],
)
def test_a_node_waits_on_its_own_address(objects: list[Object], where: str) -> None:
    session = seen(*objects).speaker.sessions["tor"]
    assert session.passive
    assert f"{session.local_address} {session.listen_port}" == where


def test_who_calls_is_not_passive() -> None:
    session = seen(peer(), NODE).speaker.sessions["tor"]
    assert (session.passive, session.local_address) == (False, None)


def test_a_node_without_an_address_of_the_family_is_named() -> None:
    tor, says = peer(**PASSIVE, **OVER_6), "node n1 has no IPv6 address that 2001:db8:113::1 could connect to"
    assert invalid(tor, NODE_4) == {"BGPPeer tor spec.passive": says}
    assert not seen(tor, NODE_4).speaker.sessions
    (session,) = planned(tor, NODE_4)["nodes"][0]["sessions"]
    assert session["peerAddress"] is None


def test_a_link_local_gateway_cannot_call() -> None:
    gateway = peer(peerAddressFrom={"defaultGateway": "IPv6"}, **PASSIVE)
    del gateway["spec"]["peerAddress"]
    host = LocalNode({Family.IPV6: Gateway(ip_address("fe80::1"), "eth0", ip_address("fe80::11"))})
    refusal = seen(gateway, NODE, host=host).sessions["tor"].refusal
    assert refusal
    assert refusal.reason is Reason.NO_LISTEN_ADDRESS
    assert all(word in refusal.message for word in ("n1", "IPv6", "fe80::1"))


def test_what_a_template_makes_of_it_is_held_to_the_rules() -> None:
    base = peer("base", ttlSecurity=True)
    found = invalid(base, peer(template="base", **PASSIVE, peerAddress="203.0.113.2"), NODE)
    assert list(found) == ["BGPPeer tor spec.passive"]
    found = invalid(peer("base"), peer(template="base", passive=True, peerAddress="203.0.113.2"), NODE)
    assert list(found) == ["BGPPeer tor spec.localPort"]
