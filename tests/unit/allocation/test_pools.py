"""One pool's capacity and reservations."""

from ipaddress import ip_address
from typing import Any

from exalb.allocation.pools import AllocatingPool
from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Key
from exalb.validation.rules import validate
from exalb_bgp.session import Family
from tests.support.objects import node, pool

WEB = Key("team", "web")


def allocating(*addresses: str, **spec: Any) -> AllocatingPool:
    """Return a pool with two nodes in it: 198.51.100.3, 198.51.100.255 and 2001:db8::3."""
    nodes = [node("n1", "198.51.100.3", "2001:db8::3"), node("n2", "198.51.100.255")]
    cluster, _ = snapshot_of([pool("main", *addresses, **spec), *nodes], "exalb-system")
    (active,) = validate(cluster).pools
    return AllocatingPool(active)


def reserved(address: str, service: str | None = None, namespace: str = "team") -> dict[str, str]:
    return {"address": address, "namespace": namespace} | ({"service": service} if service else {})


def test_capacity_leaves_out_nodes_of_its_family() -> None:
    both = allocating("198.51.100.0/24", "2001:db8::/120")
    assert (both.capacity(Family.IPV4), both.capacity(Family.IPV6)) == (254, 255)


def test_capacity_leaves_out_a_buggy_address_of_a_node_once() -> None:
    assert allocating("198.51.100.0/24", avoidBuggyIPs=True).capacity(Family.IPV4) == 253


def test_address_of_a_node_and_buggy_address_cannot_be_given() -> None:
    main = allocating("198.51.100.0/24", avoidBuggyIPs=True)
    given = {host: main.can_give(ip_address(f"198.51.100.{host}")) for host in (0, 1, 3)}
    assert given == {0: False, 1: True, 3: False}


def test_reservations_of_the_service_come_before_those_of_its_namespace() -> None:
    reservations = [
        reserved("198.51.100.8"),
        reserved("198.51.100.9", "web"),
        reserved("198.51.100.1", "other"),
        reserved("198.51.100.2", namespace="elsewhere"),
    ]
    main = allocating("198.51.100.0/24", reservations=reservations)
    assert main.reserved_for(WEB, Family.IPV4) == [ip_address("198.51.100.9"), ip_address("198.51.100.8")]
    assert main.own_reservations(WEB) == [ip_address("198.51.100.9")]
