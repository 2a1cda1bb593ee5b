"""A session comes up the way it is asked for, and what is done to one session touches no other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from exalb_bgp.rib import Attributes
from exalb_bgp.session import Family, Password, State
from tests.lab.wait import until
from tests.router.world import NODE, OTHER, Peer, World, host, table

SECRET = "s3cret;#{}x"


@dataclass(frozen=True)
class Option:
    """A way to open a session: what to ask of the engine, and what of the router."""

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
    "no-graceful-restart": Option(lambda _: {"graceful_restart": None}, lambda _: {}),
}


def others(world: World, *peers: Peer) -> dict[str, int]:
    """Count the connections of all sessions but these."""
    return {name: count for name, count in world.connections().items() if world.peers[name] not in peers}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_session_opens_as_asked(world: World, pair: tuple[Peer, Peer], name: str) -> None:
    before = others(world, *pair)
    for peer in pair:
        world.ribs[peer.name] = table(6)
        world.change(peer, OPTIONS[name].session(peer), OPTIONS[name].neighbor(peer))
    world.until_established(*pair)
    world.until_told(*pair)
    assert others(world, *pair) == before
    for peer in pair:
        told = peer.router.peerings()[world.node_address(peer)]
        assert told.hold_time == world.sessions[peer.name].hold_time
        assert told.graceful_restart == (world.sessions[peer.name].graceful_restart is not None)


def test_one_family_only(world: World, peer: Peer) -> None:
    world.change(peer, {"families": frozenset({peer.family})}, {})
    world.ribs[peer.name] = table(6)
    world.act()
    world.until_established(peer)
    kept = {prefix for prefix in table(6) if prefix.version == int(peer.family.value[-1])}
    until("only its own family arrives", lambda: world.received(peer).keys() == kept)
    assert world.engine.settle().sessions[peer.name].families == {peer.family}


def test_a_wrong_password_keeps_one_session_down(world: World, peer: Peer) -> None:
    before = world.connections(but=peer)
    world.change(peer, {"password": Password(b"wrong")}, {"password": SECRET})
    until("the engine sees it down", lambda: world.engine.session(peer.name).state is not State.ESTABLISHED)
    assert not world.established(peer)
    assert "wrong" not in str(world.engine.session(peer.name).last_error)
    world.change(peer, {"password": Password(SECRET.encode())}, {})
    world.until_established(peer)
    assert world.connections(but=peer) == before


def test_a_wrong_asn_is_told_in_words(world: World, peer: Peer) -> None:
    before = world.connections(but=peer)
    world.change(peer, {"local_asn": 64600}, {})
    until("the refusal is told", lambda: "AS" in str(world.engine.session(peer.name).last_error))
    world.change(peer, {"local_asn": peer.session.local_asn}, {})
    world.until_established(peer, seconds=60)
    assert world.connections(but=peer) == before


def test_sessions_come_and_go_alone(world: World, peer: Peer) -> None:
    for each in world.peers.values():
        world.ribs[each.name] = table(4)
    world.act()
    world.until_told(*world.peers.values())
    before = world.connections(but=peer)
    world.remove(peer)
    until("the router lost the session", lambda: not world.established(peer))
    world.sessions[peer.name] = peer.session
    world.act()
    world.until_established(peer)
    world.until_told(*world.peers.values())
    assert world.connections(but=peer) == before


def test_extended_next_hops(world: World) -> None:
    """IPv4 prefixes with IPv6 next hops (RFC 8950) over the IPv6 sessions; GoBGP offers them by itself."""
    peers = [peer for peer in world.peers.values() if peer.family is Family.IPV6]
    for peer in peers:
        world.ribs[peer.name] = {host(Family.IPV4, 1): Attributes(next_hop=NODE[Family.IPV6])}
        world.change(peer, {"extended_next_hop": True}, {"extended_next_hop": True})
    world.until_established(*peers)
    world.until_told(*peers)
    assert all(world.engine.session(peer.name).extended_next_hop for peer in peers)
