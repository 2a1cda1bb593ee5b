"""One round at a time: what one Service gives back is not given on before it has gone from that Service's status."""

import pytest

from exalb.allocation import allocate
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
