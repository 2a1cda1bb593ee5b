"""Networks that are less kind than others: no IPv6 at all, IPv6 alone, and a path that takes small packets only."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from exalb_bgp.rib import Attributes
from exalb_bgp.session import Family
from tests.lab.network import Namespace
from tests.lab.wait import until
from tests.support.routers.world import NODE, OTHER, Peer, World, host, interface

WITHOUT = {"net.ipv6.conf.all.disable_ipv6": 1, "net.ipv6.conf.default.disable_ipv6": 1}
SMALL = 1400


@contextmanager
def without(world: World, family: Family) -> Iterator[None]:
    """Take one family away from the node, the loopback interface included."""
    node = world.node
    addresses = [NODE[family], OTHER[family]]
    routers = [peer for peer in world.peers.values() if peer.family is family]
    if family is Family.IPV6:
        node.sysctl(WITHOUT)
    else:
        node.ip(*(f"address del {interface(address)} dev eth0" for address in reversed(addresses)))
        node.ip("address del 127.0.0.1/8 dev lo")
    try:
        yield
    finally:
        if family is Family.IPV6:
            node.sysctl(dict.fromkeys(WITHOUT, 0))
            node.ip("link set lo down", "link set lo up")
        else:
            node.ip("address add 127.0.0.1/8 dev lo")
        node.address("eth0", *map(interface, addresses))
        node.ip(*(f"route replace {peer.loopback} via {peer.address}" for peer in routers))


@pytest.mark.parametrize("family", list(Family), ids=[family.value for family in Family])
def test_node_with_one_family_alone_opens_its_sessions(world: World, family: Family) -> None:
    """The engine starts there; peers of the other family are as routers that are away."""
    other = next(each for each in Family if each is not family)
    mine = [peer for peer in world.peers.values() if peer.family is family]
    with without(world, other):
        world.engine.restart_supervisor()
        rib = {host(family, number): Attributes(next_hop=NODE[family]) for number in range(10)}
        world.announce(rib, *mine)
        for peer in mine:
            until(f"{peer.name} is Established", partial(world.established, peer), seconds=60)
        world.until_announced(*mine)
        assert_apart(world.node, other)


def assert_apart(node: Namespace, family: Family) -> None:
    """Fail where the node has an address of the family."""
    shown = node.run(["ip", f"-{family.value[-1]}", "-oneline", "address"]).stdout
    assert not shown, shown


def test_long_updates_arrive_over_a_small_mtu(world: World, trio: list[Peer]) -> None:
    """An UPDATE of 4,096 octets takes several packets; none is lost where the path is narrower than usual."""
    world.node.ip(f"link set eth0 mtu {SMALL}")
    try:
        family = trio[0].family
        world.announce({host(family, number): Attributes(next_hop=NODE[family]) for number in range(1500)}, *trio)
        world.until_announced(*trio, seconds=60)
    finally:
        world.node.ip("link set eth0 mtu 1500")
