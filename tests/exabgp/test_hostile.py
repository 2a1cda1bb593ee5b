"""Hostile attributes against a real ExaBGP: every session stays up, and routes that fit a BGP message are announced.

`make hostile` tries as many objects as EXALB_HOSTILE says.
"""

import os
import random
from dataclasses import replace
from ipaddress import IPv4Address, ip_network

import pytest

from exalb_bgp.paths import LARGEST_MESSAGE, update_size
from exalb_bgp.rib import Attributes, Community, ExtendedCommunity, ExtendedKind, LargeCommunity, Prefix
from exalb_bgp.speaker import Speaker
from tests.support.bgp.listener import Listener
from tests.support.engine.process import Node, settled, to

OBJECTS = int(os.environ.get("EXALB_HOSTILE", "60"))
BATCH = 20
"""Objects in one table."""
ETCD = 1_500_000 // len("65535:65535,")
"""Communities that fit the largest object that etcd stores."""
PREFIX, OTHER = ip_network("198.51.100.1/32"), ip_network("198.51.100.2/32")
NODE = IPv4Address("10.0.0.1")


def communities(count: int) -> tuple[Community, ...]:
    return tuple(Community(1 + number // 65536, number % 65536) for number in range(count))


def large(count: int) -> tuple[LargeCommunity, ...]:
    return tuple(LargeCommunity(64512, 4294967295, number) for number in range(count))


def extended(count: int) -> tuple[ExtendedCommunity, ...]:
    return tuple(ExtendedCommunity(ExtendedKind.ROUTE_TARGET, 64512, number) for number in range(count))


def hostile(chance: random.Random) -> Attributes:
    """Return attributes of any size: none, around a message's, around a path attribute's, the largest of etcd."""

    def count(octets: int) -> int:
        edges = (0, 1, LARGEST_MESSAGE // octets, 65535 // octets)
        return max(0, chance.choice([*edges[:3], *edges]) + chance.randint(-12, 12))

    attributes = Attributes(
        med=chance.choice([None, 0, 4294967295]), as_path_prepend=chance.choice([0, 1, 254, 255, 500])
    )
    match chance.randrange(8):
        case 0 | 1:
            return replace(attributes, communities=communities(count(4)))
        case 2 | 3:
            return replace(attributes, large_communities=large(count(12)))
        case 4 | 5:
            return replace(attributes, extended_communities=extended(count(8)))
        case 6:
            return replace(attributes, communities=communities(chance.choice([17_000, ETCD])))
        case _:
            return replace(
                attributes,
                communities=communities(count(4) // 3),
                large_communities=large(count(12) // 3),
                extended_communities=extended(count(8) // 3),
            )


def fits(attributes: Attributes) -> bool:
    return update_size(attributes) <= LARGEST_MESSAGE


def largest() -> Attributes:
    """Return attributes that fit a BGP message, with no room for one more community."""
    every = (Attributes(communities=communities(count)) for count in range(1024, 0, -1))
    return next(filter(fits, every))


async def test_route_is_announced_up_to_largest_message(node: Node) -> None:
    edge = largest()
    beyond = Attributes(communities=communities(len(edge.communities) + 1))
    async with Listener() as router, node.driver() as driver:
        driver.apply(Speaker({"tor": to(router)}, {"tor": {PREFIX: edge, OTHER: beyond}}))
        await settled(driver)
        await router.holds({PREFIX})
        status = driver.status().sessions["tor"]
        assert status.sent == 1
        assert str(OTHER) in (status.last_error or "")
        assert "4096 octets" in (status.last_error or "")
        driver.apply(Speaker({"tor": to(router)}, {"tor": {PREFIX: beyond, OTHER: edge}}))
        await settled(driver)
        await router.holds({OTHER})
        driver.apply(Speaker({"tor": to(router)}, {"tor": {OTHER: edge}}))
        await settled(driver)
        assert driver.status().sessions["tor"].last_error is None
        assert router.connections == 1


@pytest.mark.parametrize("wanted", [{}, {PREFIX: Attributes(med=1)}], ids=["deleted", "replaced"])
async def test_poisoned_exabgp_keeps_session_and_is_emptied(node: Node, wanted: dict[Prefix, Attributes]) -> None:
    """Its path attribute is longer than 65,535 octets, which cannot be encoded."""
    async with Listener() as router:
        goal = {PREFIX: Attributes(), OTHER: Attributes()}
        async with node.driver() as driver:
            driver.apply(Speaker({"tor": to(router)}, {"tor": goal}))
            await settled(driver)
        poison = "1 " * 17_000  # ExaBGP sorts communities at each one that it adds, so as many of them take minutes
        command = f"neighbor {router.address} announce attributes next-hop {NODE} as-path [ {poison}] nlri {PREFIX}"
        await node.ask(command)
        await router.holds({OTHER})
        async with node.driver() as driver:
            driver.apply(Speaker({"tor": to(router)}, {"tor": wanted | {OTHER: Attributes()}}))
            await settled(driver)
        await router.holds({OTHER, *wanted})
        router.close()
        await router.holds(set())
        await router.holds({OTHER, *wanted})
        assert router.connections == 2
        assert "1, 1, 1" not in "".join(await node.ask("show adj-rib out json"))


async def test_hostile_objects_end_no_session(node: Node) -> None:
    chance = random.Random(OBJECTS)
    async with Listener() as external, Listener(IPv4Address("127.0.0.2")) as other, node.driver() as driver:
        sessions = {"tor": to(external), "other": to(other, "other")}
        for start in range(0, OBJECTS, BATCH):
            table = {ip_network((0x0A000000 + start + number, 32)): hostile(chance) for number in range(BATCH)}
            driver.apply(Speaker(sessions, dict.fromkeys(sessions, table)))
            announced = {prefix for prefix, attributes in table.items() if fits(attributes)}
            for router in (external, other):
                await router.holds(announced, seconds=120)
            await settled(driver)
            assert [status.sent for status in driver.status().sessions.values()] == [len(announced)] * 2
            assert (external.connections, other.connections) == (1, 1)
