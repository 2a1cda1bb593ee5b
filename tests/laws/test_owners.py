"""No address has two owners except lawful sharers, in no round and in no status on the way."""

from ipaddress import ip_address
from itertools import combinations

from hypothesis import given

from exalb.allocation import allocate
from exalb.cluster import Cluster, Key, Service
from exalb.planning import plan
from exalb.resources.common import any_matches
from exalb.validity import in_force
from exalb_bgp.rib import Address
from tests.laws.strategies import clusters
from tests.laws.worlds import World
from tests.unit.objects import Object


def may_share(one: Service, other: Service) -> bool:
    """Tell in the words of the contract whether two Services may share an address."""
    same_key = one.request.sharing_key is not None and one.request.sharing_key == other.request.sharing_key
    both_cluster = not one.local_traffic and not other.local_traffic
    both_local = one.local_traffic and other.local_traffic and one.selector == other.selector
    return same_key and not one.ports & other.ports and (both_cluster or both_local)


def owners(cluster: Cluster) -> dict[Address, list[Service]]:
    """Return who has each address after one round of allocation."""
    found: dict[Address, list[Service]] = {}
    for key, outcome in allocate(cluster).outcomes.items():
        for address in outcome.addresses:
            found.setdefault(address, []).append(cluster.services[key])
    return found


@given(clusters)
def test_one_owner_or_lawful_sharers(objects: list[Object]) -> None:
    for services in owners(World(objects).cluster).values():
        assert all(may_share(one, other) for one, other in combinations(services, 2))


@given(clusters)
def test_nobody_gets_what_stands_in_anothers_status(objects: list[Object]) -> None:
    """So that, whichever writes of a round succeed and in whichever order, no two statuses come to clash."""
    cluster = World(objects).cluster
    for address, services in owners(cluster).items():
        came = [service for service in services if address not in service.held]
        stay = [service for service in services if address in service.held]
        has = [one for one in cluster.services.values() if address in one.held and one.is_load_balancer]
        others = {other.key: other for other in (*stay, *has)}.values()
        assert not [(one.key, other.key) for one in came for other in others if not may_share(one, other)]


@given(clusters)
def test_what_is_given_is_lawful(objects: list[Object]) -> None:
    cluster = World(objects).cluster
    pools = {pool.name: pool for pool in in_force(cluster).pools}
    outcomes, taken = plan(cluster).allocation.outcomes, not_to_be_given(cluster)
    assert set(outcomes) == {key for key, service in cluster.services.items() if cluster.is_ours(service)}
    for key, outcome in outcomes.items():
        assert [address.version for address in outcome.addresses] == families(cluster.services[key], outcome.addresses)
        for address in outcome.addresses:
            (pool,) = (pool for pool in pools.values() if pool.has(address))
            assert address not in taken
            assert all(is_for(key, entry) for entry in pool.spec.reservations if entry.address == str(address))
        assert bool(outcome.addresses) == bool(outcome.pool)
        assert outcome.addresses or outcome.refusal


def not_to_be_given(cluster: Cluster) -> set[Address]:
    """Return the addresses that nodes have, and those that peers name or nodes name for them."""
    found = {address for node in cluster.nodes.values() for address in node.addresses}
    for spec in (peer.spec for peer in cluster.peers.values() if peer.spec):
        texts = [spec.peer_address, spec.next_hop]
        if spec.peer_address_from and spec.peer_address_from.node_annotation:
            there = [node for node in cluster.nodes.values() if any_matches(spec.node_selectors, node.labels)]
            texts += [node.annotations.get(spec.peer_address_from.node_annotation) for node in there]
        found |= {ip_address(text) for text in texts if text and text != "?"}
    return found


def families(service: Service, addresses: tuple[Address, ...]) -> list[int]:
    """Return the versions of the families of a Service of which it has an address, in order."""
    have = {address.version for address in addresses}
    wanted = [4 if family.value == "ipv4" else 6 for family in service.families]
    return [version for version in wanted if version in have]


def is_for(key: Key, entry: object) -> bool:
    """Tell whether a reservation is for this Service."""
    namespace, service = getattr(entry, "namespace", None), getattr(entry, "service", None)
    return namespace == key.namespace and service in (None, key.name)
