"""The validator remembers its rules; selectors decide which nodes count."""

from typing import Any

from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Cluster
from exalb.validation.rules import Validator, validate
from exalb.validation.session_parameters import ibgp_values, router_families
from exalb_bgp.session import Family
from tests.support.objects import Object, node, peer, pool, service


def snapshot(*objects: Object) -> Cluster:
    """Return the snapshot of these objects."""
    return snapshot_of(list(objects), "exalb-system")[0]


def test_rules_stay_the_same_object_until_an_input_changes() -> None:
    validator, cluster = Validator(), snapshot(pool("main", "198.51.100.0/24"), service("web"))
    rules = validator.validate(cluster)
    assert rules == validate(cluster)
    assert validator.validate(cluster) is rules
    other = snapshot(pool("main", "203.0.113.0/24"))
    assert validator.validate(other) == validate(other) != rules


RACK = [{"matchLabels": {"rack": "1"}}]
NODES = [
    node("n1", rack="1", annotations={"asn": "64512", "router": "203.0.113.1"}),
    node("n2", rack="2", annotations={"asn": "64513", "router": "2001:db8::1"}),
]


def from_nodes(*removed: str, **spec: Any) -> Object:
    """Return a BGPPeer for the nodes of one rack, with fields that each node gives."""
    raw = peer(peerASN=64512, nodeSelectors=RACK, **spec)
    for field in removed:
        del raw["spec"][field]
    return raw


def test_nodes_that_the_peer_does_not_select_give_no_as_number() -> None:
    cluster = snapshot(from_nodes("myASN", myASNFrom={"nodeAnnotation": "asn"}), *NODES)
    [tor] = validate(cluster).peers
    assert ibgp_values(tor, cluster.nodes.values()) == {True}


def test_nodes_that_the_peer_does_not_select_give_no_router() -> None:
    cluster = snapshot(from_nodes("peerAddress", peerAddressFrom={"nodeAnnotation": "router"}), *NODES)
    [tor] = validate(cluster).peers
    assert router_families(tor, cluster.nodes.values()) == {Family.IPV4}
