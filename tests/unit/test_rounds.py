"""One round at a time: what one Service gives back is not given on before it has gone from that Service's status."""

import pytest

from exalb.allocation import Allocator, allocate
from exalb.cluster import Key
from exalb.manifests import picture
from exalb.planning import plan
from exalb.reasons import Reason
from tests.unit.objects import Object, pool, service, wants

HAS = "198.51.100.1"
BOUND = pool("main", f"{HAS}-{HAS}", serviceAllocation={"namespaces": ["team"]})
WANTED = wants(addresses=HAS)
K = wants(sharing_key="k")
FREE = pool("main", "198.51.100.0/24")

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
    "loses-it-and-could-not-share-it": [
        FREE,
        service("a", HAS, annotations=K, ports=[{"port": 80}]),
        service("b", HAS, annotations=wants(sharing_key="x"), ports=[{"port": 81}]),
        service("team/next", annotations=K | WANTED, ports=[{"port": 81}]),
    ],
    "loses-it-and-could-not-share-it-with-anybody": [
        FREE,
        service("a", HAS, annotations=K, ports=[{"port": 80}]),
        service("b", HAS, annotations=wants(sharing_key="x"), ports=[{"port": 81}]),
        service("team/next", annotations=K, ports=[{"port": 81}]),
    ],
    "loses-what-is-reserved": [
        pool("main", "198.51.100.0/24", reservations=[{"address": HAS, "namespace": "team", "service": "next"}]),
        service("web", HAS),
        service("team/next"),
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


def test_waiting_a_round_brings_what_was_waited_for() -> None:
    for name in ("loses-it-and-could-not-share-it-with-anybody", "loses-what-is-reserved"):
        cluster, _ = picture(ROWS[name], "exalb-system")
        outcome = plan(cluster).allocation.outcomes[Key("team", "next")]
        assert [str(address) for address in outcome.addresses] == [HAS], name


def test_a_namespace_with_other_labels_loses_what_its_labels_gave() -> None:
    bound = {"namespaceSelectors": [{"matchLabels": {"tier": "front"}}]}
    allocator, said = Allocator(), []
    for labels in ({"tier": "front"}, {}, {"tier": "front"}):
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team", "labels": labels}}
        objects = [pool("main", "198.51.100.0/24", serviceAllocation=bound), service("team/web", HAS), space]
        cluster, _ = picture(objects, "exalb-system")
        said.append(len(allocator.allocate(cluster).outcomes[Key("team", "web")].addresses))
    assert said == [1, 0, 1]


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
