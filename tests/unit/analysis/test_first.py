"""The first pool and peer of an installation: created where there is none, refused where they would be wrong."""

import pytest

from exalb.analysis.first import Create, First, Occupied, Refused, decide
from exalb.kube.manifests import snapshot_of
from tests.support.objects import Object, node, peer, pool, service_cidr

FIRST = First(("198.51.100.0/24",), "203.0.113.1", 64512, 64513)
POOL, PEER = pool("main", "198.51.100.0/24"), peer("router", peerAddress="203.0.113.1")
N1 = node("n1", "203.0.113.11")


def decided(first: First, *objects: Object) -> Create | Occupied | Refused:
    """Return the decision in a cluster with these objects."""
    return decide(first, snapshot_of(objects, "exalb-system")[0])


@pytest.mark.parametrize(
    ("there", "created"),
    [
        ([], ["IPAddressPool/main", "BGPPeer/router"]),
        ([N1, service_cidr("10.96.0.0/16")], ["IPAddressPool/main", "BGPPeer/router"]),
        ([POOL], ["BGPPeer/router"]),
        ([PEER], ["IPAddressPool/main"]),
        ([POOL, PEER], []),
    ],
    ids=["empty", "cluster", "pool is there", "peer is there", "both are there"],
)
def test_first_creates_what_is_missing(there: list[Object], created: list[str]) -> None:
    decision = decided(FIRST, *there)
    assert isinstance(decision, Create)
    assert [f"{kind.name}/{raw['metadata']['name']}" for kind, raw in decision.manifests] == created


def test_first_manifests_are_valid() -> None:
    _, mistakes = snapshot_of([raw for _, raw in FIRST.manifests()], "exalb-system")
    assert not [mistake for mistake in mistakes if mistake]
    assert [raw["spec"] for _, raw in FIRST.manifests()] == [
        {"addresses": ["198.51.100.0/24"]},
        {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1"},
    ]


@pytest.mark.parametrize(
    ("there", "names"),
    [
        ([pool("prod", "192.0.2.0/24")], ("IPAddressPool prod",)),
        ([peer("tor")], ("BGPPeer tor",)),
        ([pool("main", "192.0.2.0/24")], ("IPAddressPool main",)),
        ([pool("main", "broken")], ("IPAddressPool main",)),
        ([POOL, peer("router", peerAddress="203.0.113.2")], ("BGPPeer router",)),
        ([POOL, PEER, peer("tor", peerAddress="203.0.113.2")], ("BGPPeer tor",)),
    ],
    ids=["another pool", "another peer", "a changed pool", "an invalid pool", "a changed peer", "one more peer"],
)
def test_first_leaves_pools_and_peers_of_people_alone(there: list[Object], names: tuple[str, ...]) -> None:
    assert decided(FIRST, *there) == Occupied(names)


@pytest.mark.parametrize(
    ("first", "there", "value"),
    [
        (FIRST, [node("n1", "203.0.113.1")], "first.peerAddress: node n1 has the address 203.0.113.1"),
        (FIRST, [node("n1", "198.51.100.7")], "first.addresses: 198.51.100.7 is the address of node n1"),
        (
            FIRST,
            [{**N1, "spec": {"podCIDRs": ["198.51.100.128/26"]}}],
            "first.addresses: contains addresses in 198.51.100.12",
        ),
        (FIRST, [service_cidr("198.51.100.0/25")], "first.addresses: contains 198.51.100.0-198.51.100.127"),
        (First(("198.51.100.9/24",), "203.0.113.1", 1, 2), [], "first.addresses"),
        (First(("198.51.100.0/24",), "gateway", 1, 2), [], "first.peerAddress"),
        (First(("198.51.100.0/24",), "203.0.113.1", 0, 2), [], "first.myASN"),
        (First(("198.51.100.0/24",), "203.0.113.1", 1, 1 << 32), [], "first.peerASN"),
    ],
    ids=["router is a node", "node in pool", "pods", "ClusterIPs", "host bits", "no address", "no AS", "large AS"],
)
def test_first_refusals_name_the_value(first: First, there: list[Object], value: str) -> None:
    decision = decided(first, *there)
    assert isinstance(decision, Refused)
    assert any(sentence.startswith(value) for sentence in decision.sentences), decision.sentences
