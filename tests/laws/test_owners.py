"""No address has two owners that may not share it, after a round and between the writes of a round."""

from ipaddress import ip_address
from itertools import combinations

from hypothesis import given

from exalb.analysis.plan import plan
from exalb.api.schema import any_matches
from exalb.model.address_record import read_record
from exalb.model.cluster import Cluster, Key, Service
from exalb.validation.rules import validate
from exalb_bgp.rib import Address
from tests.laws.strategies import clusters
from tests.laws.worlds import World
from tests.support.decisions import allocation_of
from tests.support.objects import Object


class SharingRules:
    """The rules of the reference for Services that share an address."""

    def __init__(self, cluster: Cluster) -> None:
        self._open = [pool for pool in validate(cluster).pools if pool.spec.allow_cross_namespace_sharing]

    def allow(self, address: Address, first: Service, second: Service) -> bool:
        """Whether two Services may share an address."""
        same_key = first.request.sharing_key is not None and first.request.sharing_key == second.request.sharing_key
        same_namespace = first.key.namespace == second.key.namespace
        both_cluster = not first.local_traffic and not second.local_traffic
        both_local = first.local_traffic and second.local_traffic and same_namespace
        same_pods = first.selector == second.selector and first.selector != ()
        consent = consents(first, second) and consents(second, first)
        agreed = same_namespace or consent or any(pool.has(address) for pool in self._open)
        return same_key and not first.ports & second.ports and (both_cluster or (both_local and same_pods)) and agreed


def consents(service: Service, other: Service) -> bool:
    """Whether a Service names the namespace of another."""
    return bool({other.key.namespace, "*"} & service.request.sharing_namespaces)


def owners(cluster: Cluster) -> dict[Address, list[Service]]:
    """Return the owners of each address after one round of allocation."""
    found: dict[Address, list[Service]] = {}
    for key, outcome in allocation_of(cluster).outcomes.items():
        for address in outcome.addresses:
            found.setdefault(address, []).append(cluster.services[key])
    return found


@given(clusters)
def test_owners_of_one_address_may_share_it(objects: list[Object]) -> None:
    cluster = World(objects).cluster
    rules = SharingRules(cluster)
    for address, services in owners(cluster).items():
        assert all(rules.allow(address, first, second) for first, second in combinations(services, 2))


@given(clusters)
def test_new_owners_may_share_with_every_status(objects: list[Object]) -> None:
    """Whichever writes of a round succeed, in whichever order, no two statuses contradict each other."""
    cluster = World(objects).cluster
    rules = SharingRules(cluster)
    for address, services in owners(cluster).items():
        new = [service for service in services if address not in service.held]
        old = [service for service in services if address in service.held]
        has = [service for service in cluster.services.values() if address in service.held and service.is_load_balancer]
        others = {other.key: other for other in (*old, *has)}.values()
        assert not [
            (service.key, other.key) for service in new for other in others if not rules.allow(address, service, other)
        ]


@given(clusters)
def test_addresses_that_another_controller_assigned_stay(objects: list[Object]) -> None:
    """A Service without a class keeps an address that ExaLB did not assign, unless the address is in a pool."""
    before = World(objects).cluster
    allocation = allocation_of(before)
    for key in allocation.foreign:
        assert key not in allocation.outcomes
        assert before.services[key].load_balancer_class is None
    for key, outcome in allocation.outcomes.items():
        service = before.services[key]
        recorded = read_record(service).addresses
        released = [address for address in service.held if address not in outcome.addresses]
        pools = [pool for pool in validate(before).pools for address in released if pool.has(address)]
        assert service.load_balancer_class or recorded.issuperset(released) or pools


@given(clusters)
def test_assigned_addresses_are_valid(objects: list[Object]) -> None:
    cluster = World(objects).cluster
    pools = {pool.name: pool for pool in validate(cluster).pools}
    allocation, taken = plan(cluster).allocation, not_to_be_given(cluster)
    outcomes = allocation.outcomes
    assert {*outcomes, *allocation.foreign} == {
        key for key, service in cluster.services.items() if cluster.is_ours(service)
    }
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
    """Return whether a reservation is for this Service."""
    namespace, service = getattr(entry, "namespace", None), getattr(entry, "service", None)
    return namespace == key.namespace and service in (None, key.name)
