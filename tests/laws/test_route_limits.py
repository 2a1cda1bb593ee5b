"""Routes that no router refuses, and that no Service can take from another, whatever the objects say."""

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from exalb.kube.manifests import snapshot_of
from exalb_bgp.rib import Address, Attributes, Prefix
from exalb_bgp.session import Session
from tests.laws.making import SERVICES, Maker, identity
from tests.laws.strategies import clusters
from tests.laws.worlds import settled
from tests.support.decisions import plan_of
from tests.support.objects import Object

LONGEST_MESSAGE = 4096
"""Octets of the longest BGP message (RFC 4271 §4)."""
NO_HOSTS = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/128", "::1/128", "ff00::/8", "fe80::/10", "::ffff:0:0/96"]
"""Networks without addresses of hosts that a router could send packets to."""


def longest_update(attributes: Attributes, prefix: Prefix) -> int:
    """Return how many octets an UPDATE with this one prefix has at most (RFC 4271 §4.3, RFC 4760 §3)."""
    head, longest_prefix, longest_next_hop = 19 + 2 + 2, 1 + 16, 32
    fields = [
        *(1, 2 + 4 * (attributes.as_path_prepend + 1), 4, 4),  # ORIGIN, AS_PATH, MED, LOCAL_PREF
        4 + longest_next_hop + 1 + longest_prefix,  # MP_REACH_NLRI, at least as long as NEXT_HOP and NLRI
        4 * len(attributes.communities),
        12 * len(attributes.large_communities),
        8 * len(attributes.extended_communities),
    ]
    assert prefix.prefixlen <= 8 * longest_prefix
    return head + sum(4 + field for field in fields)


def local_address(session: Session) -> Address:
    """Return an address like the session's own: of the same kind as the router's, unless it is given."""
    return session.local_address or session.peer_address


@given(clusters)
def test_every_route_fits_into_an_update_and_has_a_host_as_next_hop(objects: list[Object]) -> None:
    cluster, _ = snapshot_of(settled(objects), "exalb-system")
    for name in cluster.nodes:
        for plan in plan_of(name, cluster).sessions.values():
            for prefix, attributes in plan.rib.items():
                assert longest_update(attributes, prefix) <= LONGEST_MESSAGE
                assert plan.session
                hop = attributes.next_hop or local_address(plan.session)
                assert not any(hop in ip_network(network) for network in NO_HOSTS), (prefix, hop)


@given(clusters, st.sampled_from(SERVICES), st.integers(0, 1 << 32))
def test_labels_and_annotations_take_no_route_from_another_service(objects: list[Object], name: str, seed: int) -> None:
    objects, changed = settled(objects), Maker(seed).service(name)
    after = [relabelled(raw, changed) if identity(raw) == identity(changed) else raw for raw in objects]
    before, _ = snapshot_of(objects, "exalb-system")
    later, _ = snapshot_of(after, "exalb-system")
    for node in before.nodes:
        old, new = plan_of(node, before).sessions, plan_of(node, later).sessions
        for peer, plan in old.items():
            of_others = {prefix for prefix, route in plan.routes.items() if set(route.services) - {name}}
            assert of_others <= new[peer].routes.keys()


def relabelled(raw: Object, changed: Object) -> Object:
    """Return a Service with the labels and annotations of another; its address and its endpoints are the same."""
    metadata = {key: value for key, value in raw["metadata"].items() if key not in ("labels", "annotations")}
    new = {key: changed["metadata"][key] for key in ("labels", "annotations") if key in changed["metadata"]}
    return raw | {"metadata": metadata | new}


def test_longest_update_counts_octets() -> None:
    assert longest_update(Attributes(), ip_network("198.51.100.7/32")) < 200
    many = Attributes(communities=tuple(range(1100)))  # type: ignore[arg-type]
    assert longest_update(many, ip_network("198.51.100.7/32")) > LONGEST_MESSAGE
    assert ip_address("127.0.0.1") in ip_network(NO_HOSTS[1])
