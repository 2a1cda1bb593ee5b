"""Tables as a seed has them: prefixes of a small pool, so that the same ones change again and again."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random

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
from tests.support.routers.world import NODE, host, table

CHOICES = (
    Attributes(),
    Attributes(med=0),
    Attributes(med=50),
    Attributes(as_path_prepend=3),
    Attributes(communities=(Community(64512, 100), Community(65535, 65282))),
    Attributes(communities=(GRACEFUL_SHUTDOWN,)),
    Attributes(large_communities=(LargeCommunity(64512, 1, 2),)),
    Attributes(med=7, extended_communities=(ExtendedCommunity(ExtendedKind.LINK_BANDWIDTH, 64512, 125_000),)),
)
POOL = 24
MANY = (100, 600)


def few(random: Random, rib: Rib) -> Rib:
    """Change up to four prefixes of the pool: announce, withdraw, other attributes."""
    return _changed(random, rib, random.sample(range(POOL), random.randint(1, 4)))


def one(random: Random, rib: Rib) -> Rib:
    """Change one of the first two prefixes, which change most often."""
    return _changed(random, rib, [random.randrange(2)])


def many(random: Random) -> Rib:
    """Make it a large table in which a few attribute sets are shared by many."""
    return {prefix: random.choice(SHARED[Family.of(prefix)]) for prefix in table(random.randint(*MANY))}


def attributes(random: Random, rib: Rib) -> Rib:
    """Keep the prefixes, and give all of them other attributes."""
    return {prefix: random.choice(SHARED[Family.of(prefix)]) for prefix in rib}


def _changed(random: Random, rib: Rib, numbers: list[int]) -> Rib:
    changed = dict(rib)
    for number in numbers:
        family = (Family.IPV4, Family.IPV6)[number % 2]
        prefix = host(family, number // 2)
        changed.pop(prefix, None)
        if random.random() < 0.6:
            changed[prefix] = random.choice(SHARED[family])
    return changed


SHARED: Mapping[Family, tuple[Attributes, ...]] = {
    family: tuple(replace(choice, next_hop=NODE[family]) for choice in CHOICES) for family in Family
}
"""Next hops are spelt out, so that every session can carry every prefix."""
