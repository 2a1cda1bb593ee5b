"""One round at a time: what one Service gives back is not given on before it has gone from that Service's status."""

import pytest

from exalb.allocation.allocator import Allocator
from exalb.analysis.plan import plan
from exalb.api.reasons import Reason
from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Key
from exalb.validation.rules import validate
from tests.support.decisions import allocation_of
from tests.support.objects import Object, assigned, pool, service, wants

HAS = "198.51.100.1"
BOUND = pool("main", f"{HAS}-{HAS}", serviceAllocation={"namespaces": ["team"]})
WANTED = wants(addresses=HAS)
K = wants(sharing_key="k")
FREE = pool("main", "198.51.100.0/24", allowCrossNamespaceSharing=True)

ROWS = {
    "loses-it": [BOUND, assigned(service("web", HAS)), service("team/next", annotations=WANTED)],
    "loses-it-to-anybody": [BOUND, assigned(service("web", HAS)), service("team/next")],
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
    cluster, _ = snapshot_of(objects, "exalb-system")
    outcome = allocation_of(cluster).outcomes[Key("team", "next")]
    assert outcome.addresses == ()
    assert outcome.refusal
    assert outcome.refusal.reason in (Reason.ADDRESS_IN_USE, Reason.POOL_EXHAUSTED)


def test_waiting_a_round_brings_what_was_waited_for() -> None:
    for name in ("loses-it-and-could-not-share-it-with-anybody", "loses-what-is-reserved"):
        cluster, _ = snapshot_of(ROWS[name], "exalb-system")
        outcome = plan(cluster).allocation.outcomes[Key("team", "next")]
        assert [str(address) for address in outcome.addresses] == [HAS], name


def test_a_namespace_with_other_labels_loses_what_its_labels_gave() -> None:
    bound = {"namespaceSelectors": [{"matchLabels": {"tier": "front"}}]}
    allocator, said = Allocator(), []
    for labels in ({"tier": "front"}, {}, {"tier": "front"}):
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team", "labels": labels}}
        objects = [pool("main", "198.51.100.0/24", serviceAllocation=bound), assigned(service("team/web", HAS)), space]
        cluster, _ = snapshot_of(objects, "exalb-system")
        said.append(len(allocator.allocate(cluster, validate(cluster)).outcomes[Key("team", "web")].addresses))
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
        cluster, _ = snapshot_of([wishing, *pools], "exalb-system")
        outcome = allocator.allocate(cluster, validate(cluster)).outcomes[Key("default", "web")]
        assert outcome == allocation_of(cluster).outcomes[Key("default", "web")]
        said.append(" ".join(outcome.refusal.message.split()[2:4]) if outcome.refusal else str(outcome.addresses[0]))
    assert said == ["not found:", "is not", "198.51.100.0", "is not", "not found:"]
