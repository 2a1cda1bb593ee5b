"""A session opens as configured, and a change of one session affects no other."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_network
from typing import Any

import pytest

from exalb_bgp.rib import Attributes, Prefix
from exalb_bgp.session import Family, Password, State
from tests.lab.wait import until
from tests.support.routers.world import NODE, OTHER, Peer, World, host, table

SECRET = "s3cret;#{}x"


@dataclass(frozen=True)
class Option:
    """A way to open a session: fields of the engine's session, and of the router's neighbor."""

    session: Callable[[Peer], dict[str, Any]]
    neighbor: Callable[[Peer], dict[str, Any]]


OPTIONS = {
    "md5": Option(lambda _: {"password": Password(SECRET.encode())}, lambda _: {"password": SECRET}),
    "gtsm": Option(lambda _: {"ttl_security": True}, lambda _: {"ttl_security": True}),
    "multihop": Option(
        lambda peer: {"peer_address": peer.loopback, "ebgp_multihop": 3},
        lambda peer: {"multihop": 3, "local_address": peer.loopback},
    ),
    "hold-time-3": Option(lambda _: {"hold_time": 3}, lambda _: {}),
    "source-address": Option(
        lambda peer: {"local_address": OTHER[peer.family]}, lambda peer: {"address": OTHER[peer.family]}
    ),
    "source-interface": Option(lambda _: {"source_interface": "eth0"}, lambda _: {}),
    "passive": Option(lambda _: {"passive": True}, lambda _: {"passive": False}),
    "passive-on-another-port": Option(
        lambda _: {"passive": True, "listen_port": 1790, "password": Password(SECRET.encode())},
        lambda _: {"passive": False, "port": 1790, "password": SECRET},
    ),
    "no-graceful-restart": Option(lambda _: {"graceful_restart": None}, lambda _: {}),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_session_opens_as_configured(world: World, name: str) -> None:
    peers = list(world.peers.values())
    for peer in peers:
        world.change(peer, OPTIONS[name].session(peer), OPTIONS[name].neighbor(peer))
    world.act()
    world.announce(table(6), *peers)
    world.until_established(*peers)
    world.until_announced(*peers)
    for peer in peers:
        peering = peer.router.peerings()[world.node_address(peer)]
        assert peering.hold_time == world.sessions[peer.name].hold_time
        assert peering.graceful_restart == (world.sessions[peer.name].graceful_restart is not None)


@pytest.mark.parametrize("name", ["md5", "gtsm"])
def test_session_follows_router_that_changed_first(world: World, name: str) -> None:
    """The old session breaks and half opens again, then the engine gets its goal; it must not wait for a hold time.

    FRR takes the new connection at once; BIRD and GoBGP keep what is left of the old one until their own timers end.
    """
    peers = [world.peers["frr-ipv4"], world.peers["frr-ipv6"]]
    before = world.connections(but=peers)
    for peer in peers:
        world.change(peer, OPTIONS[name].session(peer), OPTIONS[name].neighbor(peer))
    world.act_on_routers()
    for peer in peers:
        until(f"{peer.name} is down", partial(down, world, peer))
    world.act_on_engine()
    for peer in peers:
        until(f"{peer.name} is Established", partial(world.established, peer), seconds=30)
    assert world.connections(but=peers) == before


def test_session_carries_one_family_only(world: World, trio: list[Peer]) -> None:
    for peer in trio:
        world.change(peer, {"families": frozenset({peer.family})}, {})
    world.act()
    world.announce(table(6), *trio)
    world.until_established(*trio)
    for peer in trio:
        own = {prefix for prefix in table(6) if f"ipv{prefix.version}" == peer.family.value}
        until("only its own family arrives", partial(holds, world, peer, own))
        assert world.engine.settle().sessions[peer.name].families == {peer.family}


def holds(world: World, peer: Peer, prefixes: set[Prefix]) -> bool:
    """Whether these are the prefixes that the router has from a session."""
    return world.received(peer).keys() == prefixes


def test_wrong_password_keeps_one_session_down(world: World, trio: list[Peer]) -> None:
    before = world.connections(but=trio)
    for peer in trio:
        world.change(peer, {"password": Password(b"wrong")}, {"password": SECRET})
    world.act()
    for peer in trio:
        until(f"{peer.name} is down", partial(down, world, peer))
        assert "wrong" not in str(world.engine.session(peer.name).last_error)
        world.change(peer, {"password": Password(SECRET.encode())}, {})
    world.act_on_engine()
    world.until_established(*trio)
    assert world.connections(but=trio) == before


def down(world: World, peer: Peer) -> bool:
    """Whether both ends report a session as down."""
    return world.engine.session(peer.name).state is not State.ESTABLISHED and not world.established(peer)


def test_wrong_asn_is_reported(world: World, trio: list[Peer]) -> None:
    before = world.connections(but=trio)
    for peer in trio:
        world.change(peer, {"local_asn": 64600}, {})
    world.act()
    for peer in trio:
        until(f"{peer.name} reports the AS number", partial(complains_of_the_asn, world, peer))
    assert world.connections(but=trio) == before


def complains_of_the_asn(world: World, peer: Peer) -> bool:
    """Whether the engine reports the wrong AS number."""
    said = world.engine.session(peer.name).last_error
    assert "bad peer AS" in str(said), said
    return True


def test_sessions_come_and_go_alone(world: World, trio: list[Peer]) -> None:
    world.announce(table(4), *world.peers.values())
    world.until_announced(*world.peers.values())
    before = world.connections(but=trio)
    for peer in trio:
        del world.sessions[peer.name]
    world.act()
    for peer in trio:
        until(f"{peer.router.kind} lost the session", partial(down, world, peer))
        world.sessions[peer.name] = peer.session
    world.act()
    world.until_established(*trio)
    world.until_announced(*world.peers.values())
    assert world.connections(but=trio) == before


@pytest.mark.parametrize("password", [None, SECRET], ids=["open", "md5"])
def test_router_accepts_dynamic_neighbors(world: World, password: str | None) -> None:
    """Dynamic neighbours of FRR: one listen range for a whole fabric, with one password."""
    peers = [world.peers["frr-ipv4"], world.peers["frr-ipv6"]]
    for peer in peers:
        fabric = ip_network(f"{peer.address}/{24 if peer.family is Family.IPV4 else 64}", strict=False)
        key = Password(password.encode()) if password else None
        world.change(peer, {"password": key}, {"address": fabric, "password": password})
    world.act()
    world.announce(table(6), *peers)
    world.until_established(*peers)
    world.until_announced(*peers)


def test_extended_next_hops_carry_ipv4(world: World) -> None:
    """IPv4 prefixes with IPv6 next hops (RFC 8950) over the IPv6 sessions."""
    peers = [peer for peer in world.peers.values() if peer.family is Family.IPV6]
    for peer in peers:
        world.change(peer, {"extended_next_hop": True}, {"extended_next_hop": True})
    world.act()
    world.announce({host(Family.IPV4, 1): Attributes(next_hop=NODE[Family.IPV6])}, *peers)
    world.until_established(*peers)
    world.until_announced(*peers)
    assert all(world.engine.session(peer.name).extended_next_hop for peer in peers)
    world.engine.kill_driver()
    world.engine.start_driver()
    world.act_on_engine()
    found = world.engine.settle().sessions
    assert all(found[peer.name].extended_next_hop and found[peer.name].sent == 1 for peer in peers)


def test_router_without_ipv6_next_hops_keeps_session(world: World) -> None:
    """It holds the routes that the new session can carry; ExaBGP still held the others when the session began."""
    peer = world.peers["frr-ipv6"]
    world.change(peer, {"extended_next_hop": True}, {"extended_next_hop": True})
    world.act()
    ipv4, ipv6 = host(Family.IPV4, 1), host(Family.IPV6, 1)
    world.announce(dict.fromkeys((ipv4, ipv6), Attributes(next_hop=NODE[Family.IPV6])), peer)
    world.until_established(peer)
    world.until_announced(peer)
    world.change(peer, {}, {"extended_next_hop": False})
    world.act_on_routers()
    until("the router has the IPv6 route", partial(holds, world, peer, {ipv6}))
    found = world.engine.settle().sessions[peer.name]
    assert (found.extended_next_hop, found.sent, found.wanted) == (False, 1, 2)
    assert world.connections()[peer.name] == 1, "of those since its configuration changed"


def test_link_local_sessions_carry_both_families(world: World) -> None:
    """Both ends use their link-local addresses on one interface; IPv4 routes have IPv6 next hops."""
    peers = [world.peers["frr-ipv6"], world.peers["bird-ipv6"]]
    ours = world.node.link_local("eth0")
    for peer in peers:
        theirs = peer.router.namespace.link_local("eth0")
        session = {"peer_address": theirs, "local_address": ours, "source_interface": "eth0"}
        world.change(
            peer,
            {**session, "extended_next_hop": True},
            {"address": ours, "interface": "eth0", "extended_next_hop": True},
        )
    world.act()
    own = {prefix: Attributes(next_hop=NODE[Family.IPV6]) for prefix in table(6)}
    world.announce(own, *peers)
    world.until_established(*peers)
    world.until_announced(*peers)
