"""Every router receives each announced route with every attribute, over IPv4 and over IPv6."""

import random
from dataclasses import replace

from exalb_bgp.rib import (
    GRACEFUL_SHUTDOWN,
    Attributes,
    Community,
    ExtendedCommunity,
    ExtendedKind,
    LargeCommunity,
    Rib,
)
from exalb_bgp.session import Family
from tests.support.routers.world import NODE, ROUTER_ASN, Peer, World, host, table

EACH = {
    "no attribute": Attributes(),
    "MED": Attributes(med=50),
    "MED of zero": Attributes(med=0),
    "a community": Attributes(communities=(Community(64512, 100),)),
    "well-known communities": Attributes(communities=(Community(65535, 65281), Community(65535, 65282))),
    "graceful shutdown": Attributes(communities=(GRACEFUL_SHUTDOWN,)),
    "large communities": Attributes(
        large_communities=(LargeCommunity(64512, 1, 2), LargeCommunity(4294967295, 0, 4294967295))
    ),
    "a route target": Attributes(extended_communities=(ExtendedCommunity(ExtendedKind.ROUTE_TARGET, 64512, 7),)),
    "a route origin": Attributes(extended_communities=(ExtendedCommunity(ExtendedKind.ROUTE_ORIGIN, 64512, 9),)),
    "link bandwidth": Attributes(
        extended_communities=(ExtendedCommunity(ExtendedKind.LINK_BANDWIDTH, 64512, 1_250_000),)
    ),
}
ALL = Attributes(
    med=4294967295,
    communities=(Community(0, 1), Community(64512, 100), Community(65534, 65535)),
    large_communities=(LargeCommunity(64512, 1, 2),),
    extended_communities=(
        ExtendedCommunity(ExtendedKind.LINK_BANDWIDTH, 64512, 125_000),
        ExtendedCommunity(ExtendedKind.ROUTE_TARGET, 64512, 7),
    ),
)
PREPENDED = {"once": Attributes(as_path_prepend=1), "often": Attributes(as_path_prepend=8)}


def spread(*choices: Attributes) -> Rib:
    """Give each choice an IPv4 and an IPv6 prefix, next hops spelt out so that every session can carry them."""
    return {
        host(family, number): replace(attributes, next_hop=NODE[family])
        for number, attributes in enumerate(choices)
        for family in Family
    }


def test_router_holds_exactly_the_announced_routes(world: World, peer: Peer) -> None:
    before = world.connections()
    world.announce(table(40), peer)
    world.until_announced(peer)
    world.announce({prefix: a for n, (prefix, a) in enumerate(table(60).items()) if n % 3}, peer)
    world.until_announced(*world.peers.values())
    world.announce({}, peer)
    world.until_announced(*world.peers.values())
    assert world.connections() == before


def test_next_hop_is_self_by_default(world: World, peer: Peer) -> None:
    world.announce({host(peer.family, 1): Attributes()}, peer)
    world.until_announced(peer)


def test_attributes_arrive_and_change(world: World, peer: Peer) -> None:
    choices = [*EACH.values(), *PREPENDED.values(), ALL]
    world.announce(spread(*choices), peer)
    world.until_announced(peer)
    world.announce(spread(*reversed(choices)), peer)
    world.until_announced(peer)
    assert world.engine.settle().sessions[peer.name].sent == 2 * len(choices)


def test_ibgp_carries_local_preference(world: World) -> None:
    peers = list(world.peers.values())
    for peer in peers:
        world.change(peer, {"local_asn": ROUTER_ASN}, {"asn": ROUTER_ASN})
    world.act()
    preferred = [Attributes(local_pref=250), Attributes(local_pref=0), replace(ALL, local_pref=50)]
    world.announce(spread(*EACH.values(), *PREPENDED.values(), ALL, *preferred), *peers)
    world.until_established(*peers)
    world.until_announced(*peers)


def test_local_preference_stays_inside_as(world: World, trio: list[Peer]) -> None:
    world.announce(spread(Attributes(local_pref=250), Attributes(local_pref=50, med=1)), *trio)
    world.until_announced(*trio)
    for peer in trio:
        assert {route.local_pref for route in world.received(peer).values()} <= {None, 100}, (
            "an eBGP peer received LOCAL_PREF"
        )


def test_many_changes_end_in_wanted_tables(world: World) -> None:
    dice = random.Random(20)
    choices = [*EACH.values(), ALL]
    before = world.connections()
    for _ in range(60):
        for peer in world.peers.values():
            if dice.random() < 0.7:
                world.ribs[peer.name] = {
                    prefix: replace(dice.choice(choices), next_hop=a.next_hop)
                    for prefix, a in table(24).items()
                    if dice.random() < 0.6
                }
        world.act_on_engine()
        if dice.random() < 0.2:
            world.engine.settle()
    world.until_announced(*world.peers.values())
    assert world.connections() == before
