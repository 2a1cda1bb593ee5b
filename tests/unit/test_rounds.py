"""One round at a time: what one Service gives back is not given on before it has gone from that Service's status."""

import pytest

from exalb.allocation import Allocator, allocate
from exalb.cluster import Key
from exalb.manifests import picture
from exalb.reasons import Reason
from tests.unit.objects import Object, pool, service, wants

HAS = "198.51.100.1"
BOUND = pool("main", f"{HAS}-{HAS}", serviceAllocation={"namespaces": ["team"]})
WANTED = wants(addresses=HAS)

ROWS = {
    "loses-it": [BOUND, service("web", HAS), service("team/next", annotations=WANTED)],
    "loses-it-to-anybody": [BOUND, service("web", HAS), service("team/next")],
    "moves-away": [
        pool("main", "198.51.100.0/24"),
        service("web", HAS, annotations=wants(addresses="198.51.100.9")),
        service("team/next", annotations=WANTED),
    ],
    "is-ours-no-more": [
        pool("main", "198.51.100.0/24"),
        service("web", HAS, loadBalancerClass="example.com/cloud"),
        service("team/next", annotations=WANTED),
    ],
}


@pytest.mark.parametrize("name", ROWS)
def test_no_address_changes_hands_within_a_round(name: str) -> None:
    objects: list[Object] = ROWS[name]
    cluster, _ = picture(objects, "exalb-system")
    outcome = allocate(cluster).outcomes[Key("team", "next")]
    assert outcome.addresses == ()
    assert outcome.refusal
    assert outcome.refusal.reason in (Reason.ADDRESS_IN_USE, Reason.POOL_EXHAUSTED)


def test_a_pool_that_is_absent_is_told_from_one_that_is_broken() -> None:
    """The allocator remembers; what it says goes with the pools all the same."""
    wishing, allocator, said = service(annotations=wants(pool="gold")), Allocator(), []
    absent: list[Object] = []
    broken = [pool("gold", "all of them")]
    good, in_the_way = (
        [pool("gold", "198.51.100.0/24")],
        [pool("gold", "198.51.100.0/24", day=2), pool("main", "198.51.100.0/25", day=1)],
    )
    for pools in (absent, broken, good, in_the_way, absent):
        cluster, _ = picture([wishing, *pools], "exalb-system")
        outcome = allocator.allocate(cluster).outcomes[Key("default", "web")]
        assert outcome == allocate(cluster).outcomes[Key("default", "web")]
        said.append(outcome.refusal.message if outcome.refusal else str(outcome.addresses[0]))
    none = "there is no IPAddressPool gold: make it, or ask for another"
    aside = "IPAddressPool gold is out of force: its condition Ready says why"
    assert said == [none, aside, "198.51.100.0", aside, none]
