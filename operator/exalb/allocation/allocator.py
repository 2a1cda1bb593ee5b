"""Decides which Service has which address. Pure: the result depends on the snapshot of the cluster alone.

There are two steps. First each Service keeps the addresses in its status, as far as they are valid. Then the Services
that do not have what they request choose from the rest, the older first. An address that a Service loses is free for
others only in the next snapshot, when it is gone from the status: two writes of one round never contain one address.

Another controller may have assigned an address. If a Service names no class, and an address in its status was not
assigned by ExaLB and is in no pool that serves the Service, then ExaLB does not manage that Service.

The allocator caches its results for objects that did not change; a fresh one returns the same.
"""

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from exalb.allocation.chooser import Chooser
from exalb.allocation.ledger import Claim, Ledger
from exalb.allocation.outcome import Outcome, is_satisfied
from exalb.allocation.ownership import standing_of
from exalb.allocation.pools import VERSIONS, PoolTable, may_have
from exalb.allocation.refusals import is_of_kind
from exalb.allocation.waiting import Age, Waiting
from exalb.api.reasons import Reason, Refusal
from exalb.model.address_record import AddressRecord, read_record
from exalb.model.cluster import Cluster, Key, Namespace, Service
from exalb.model.diff import changed_keys
from exalb.validation.pools import ActivePool
from exalb.validation.rules import Rules
from exalb_bgp.revision import Revised
from exalb_bgp.rib import Address
from exalb_bgp.session import Family


@dataclass(frozen=True, slots=True)
class PoolUse:
    """How much of one family of a pool is in use."""

    capacity: int
    assigned: int


@dataclass(frozen=True, slots=True)
class Allocation:
    """The outcome for each Service that ExaLB manages, and how full each pool is."""

    outcomes: Mapping[Key, Outcome]
    foreign: Mapping[Key, Refusal]
    """Services that could be ours and have addresses of another controller: why each address is not ours."""
    use: Mapping[tuple[str, Family], PoolUse]


def allocate(cluster: Cluster, rules: Rules) -> Allocation:
    """Assign addresses to each Service of `cluster` that is ours, without a cache."""
    return Allocator().allocate(cluster, rules)


class Allocator:
    """`allocate`, with a cache for all that did not change since the last snapshot."""

    def __init__(self) -> None:
        self._rules: Rules | None = None
        self._forget((), frozenset())

    def _forget(self, pools: tuple[ActivePool, ...], inactive: frozenset[str]) -> None:
        self._last = Cluster()
        self._pools, self._inactive = pools, inactive
        self._ledger = Ledger(PoolTable(pools, inactive))
        self._foreign: dict[Key, Refusal] = {}
        self._undecided: dict[Key, Service] = {}
        """Services that do not have what they request, and were not refused."""
        self._waiting = Waiting(self._ledger.pools.reserved_for)
        self._newly_assigned: list[tuple[Service, Address]] = []
        self._outcomes = Revised[Key, Outcome]()

    def allocate(self, cluster: Cluster, rules: Rules) -> Allocation:
        """Assign addresses to each Service of `cluster` that is ours; `rules` are those of `cluster`."""
        self._forget_if_rules_changed(cluster, rules)
        for service, address in self._newly_assigned:
            self._ledger.remove(service.key, address)
        self._newly_assigned.clear()
        self._keep(cluster, self._changed(cluster))
        self._choose(cluster)
        self._last = cluster
        return Allocation(self._outcomes.revision(), dict(self._foreign), self._use())

    def _forget_if_rules_changed(self, cluster: Cluster, rules: Rules) -> None:
        last = self._last
        if rules is not self._rules:
            self._rules, pools = rules, rules.pools
            inactive = frozenset(cluster.pools).difference(pool.name for pool in pools)
        else:
            pools, inactive = self._pools, self._inactive
        namespaces = any(pool.spec.service_allocation for pool in pools) and changed_keys(
            last.namespaces, cluster.namespaces
        )
        rules_changed = (pools, inactive, cluster.scope) != (self._pools, self._inactive, last.scope)
        if rules_changed or namespaces:
            self._forget(pools, inactive)

    def _changed(self, cluster: Cluster) -> list[tuple[Service | None, Service | None]]:
        old, new = self._last.services, cluster.services
        return [(old.get(key), new.get(key)) for key in changed_keys(old, new)]

    def _keep(self, cluster: Cluster, changed: list[tuple[Service | None, Service | None]]) -> None:
        affected: dict[Address, set[Key]] = {}
        concerned: set[Key] = set()
        for old, _ in changed:
            if old:
                self._remove_claims(old, self._last)
        for service in chain.from_iterable(changed):
            if service:
                concerned.add(service.key)
                for address in service.held:
                    affected.setdefault(address, set()).add(service.key)
        for _, new in changed:
            if new:
                self._add_claims(new, cluster)
        for address, keys in affected.items():
            concerned |= self._ledger.settle(address, keys)
        for key in concerned:
            self._sort_out(key, cluster)

    def _sort_out(self, key: Key, cluster: Cluster) -> None:
        service = cluster.services.get(key)
        self._undecided.pop(key, None)
        self._waiting.take(key)
        if service is None or not self._is_managed(service, cluster):
            self._outcomes.set(key, None)
            return
        kept = self._kept(service)
        if is_satisfied(service, kept, self._ledger.pools):
            self._outcomes.set(key, self._outcome(service, kept, kept, None))
        else:
            self._undecided[key] = service

    def _is_managed(self, service: Service, cluster: Cluster) -> bool:
        return cluster.is_ours(service) and service.key not in self._foreign

    def _add_claims(self, service: Service, cluster: Cluster) -> None:
        for address, field in _used_by_spec(service):
            self._ledger.occupy(service.key, address, field)
        if not service.held and not service.has_hostname:
            return  # nothing in its status: neither a claim, nor a sign of another controller
        if cluster.is_ours(service):
            labels = labels_of(cluster.namespaces, service.key.namespace)
            record = read_record(service)
            foreign = foreign_refusal(service, record, self._ledger.pools, labels)
            if foreign is None:
                self._claim(service, record, labels)
                return
            self._foreign[service.key] = foreign
        for address in _blocked_by(service):
            self._ledger.block(service, address)

    def _claim(self, service: Service, record: AddressRecord, labels: Mapping[str, str]) -> None:
        wanted = {VERSIONS[family] for family in service.families}
        for address in service.held:
            pool = self._ledger.pools.find(address)
            refusal = may_have(service, address, pool, labels)
            if refusal is None and address.version not in wanted:
                families = " and ".join(family.label for family in service.families)
                message = f"{service.key} needs one address each of {families} (see its ipFamilies), and not {address}"
                refusal = Refusal(Reason.FAMILY_NOT_WANTED, message)
            if refusal is None:
                wanted.remove(address.version)
            self._ledger.claim(address, pool, Claim(service, standing_of(service, record, address), refusal))

    def _remove_claims(self, service: Service, cluster: Cluster) -> None:
        for address, _ in _used_by_spec(service):
            self._ledger.vacate(service.key, address)
        if self._is_managed(service, cluster):
            for address in service.held:
                self._ledger.unclaim(service.key, address)
        else:
            for address in _blocked_by(service):
                self._ledger.unblock(service.key, address)
        self._foreign.pop(service.key, None)

    def _kept(self, service: Service) -> tuple[Address, ...]:
        kept = [address for address in service.held if (service.key, address) not in self._ledger.lost]
        return _in_order(service, kept)

    def _choose(self, cluster: Cluster) -> None:
        """Choose for all that need it, by age; a choice may be a reason to ask younger Services again."""
        chooser = Chooser(self._ledger, lambda namespace: labels_of(cluster.namespaces, namespace))
        due = self._waiting.due(self._ledger.touched, self._ledger.touched_quotas)
        queue = sorted({*(service.age for service in self._undecided.values()), *due})
        queued = {key for _, key in queue}
        for age in queue:
            for other in self._choose_for(age[1], chooser):
                if other > age and other[1] not in queued:
                    queued.add(other[1])
                    insort(queue, other)  # behind `age`, so that the loop comes to it
        self._ledger.touched.clear()
        self._ledger.touched_quotas.clear()

    def _choose_for(self, key: Key, chooser: Chooser) -> Iterable[Age]:
        """Choose for one Service; return Services whose refusal may be another one now."""
        service = self._waiting.take(key) or self._undecided.pop(key)
        kept, kind = self._kept(service), chooser.kind_of(service)
        choice = chooser.choose(service, kept, kind)
        if isinstance(choice, Refusal):
            self._outcomes.set(key, self._outcome(service, kept, kept, choice))
            return self._waiting.add(service, choice, kind if is_of_kind(choice) else None)
        addresses = _in_order(service, choice)
        added = [address for address in addresses if address not in kept]
        for address in added:
            self._ledger.add(service, address)
            self._newly_assigned.append((service, address))
        self._outcomes.set(key, self._outcome(service, kept, addresses, None))
        self._undecided[key] = service
        quotas = self._ledger.touched_quotas & {key.namespace}
        return [*self._waiting.oldest(kind), *self._waiting.touched(added, quotas)]

    def _outcome(
        self, service: Service, kept: tuple[Address, ...], addresses: tuple[Address, ...], refusal: Refusal | None
    ) -> Outcome:
        """Return the outcome for a Service that has `kept` of its addresses, and gets `addresses`."""
        pools = tuple(pool.name for pool in map(self._ledger.pools.find, addresses) if pool)
        gone = [address for address in service.held if address not in kept]
        lost = tuple((address, self._ledger.lost[service.key, address]) for address in gone)
        outcome, before = Outcome(addresses, pools, refusal, lost), self._outcomes.get(service.key)
        return before if before == outcome else outcome

    def _use(self) -> dict[tuple[str, Family], PoolUse]:
        return {
            (pool.name, family): PoolUse(pool.capacity(family), len(self._ledger.used(pool, VERSIONS[family]).numbers))
            for pool in self._ledger.pools.in_order
            for family in Family
            if pool.has_family(family)
        }


def labels_of(namespaces: Mapping[str, Namespace], name: str) -> Mapping[str, str]:
    """Return the labels of a namespace; an unknown one has its name as a label, as the API server would set it."""
    namespace = namespaces.get(name)
    return namespace.labels if namespace else {"kubernetes.io/metadata.name": name}


def foreign_refusal(
    service: Service, record: AddressRecord, pools: PoolTable, namespace_labels: Mapping[str, str]
) -> Refusal | None:
    """Say why a Service without a class belongs to another controller; None if ExaLB manages it.

    An address that ExaLB did not assign is ours all the same if a pool that serves the Service has it: whoever made the
    pool said so. In this way Services move from another controller and keep their addresses.
    """
    if service.load_balancer_class is not None:
        return None
    if service.has_hostname:
        message = f"another controller assigned a host name to {service.key}: ExaLB does not manage this Service"
        return Refusal(Reason.ADDRESS_NOT_IN_POOL, message)
    for address in service.held:
        refusal = (
            None if address in record.addresses else may_have(service, address, pools.find(address), namespace_labels)
        )
        if refusal and refusal.reason in (Reason.ADDRESS_NOT_IN_POOL, Reason.POOL_NOT_ALLOWED):
            message = f"another controller assigned {address} to {service.key}: ExaLB does not manage this Service"
            return Refusal(refusal.reason, message)
    return None


def _blocked_by(service: Service) -> tuple[Address, ...]:
    """Return the addresses of a Service that ExaLB does not manage, or that it still has to release."""
    return service.held if service.is_load_balancer or service.condition else ()


def _used_by_spec(service: Service) -> Iterator[tuple[Address, str]]:
    """Yield the addresses of a Service that its spec has, which kube-proxy serves already."""
    yield from ((address, "spec.clusterIPs") for address in service.cluster_ips)
    yield from ((address, "spec.externalIPs") for address in service.external_ips if address not in service.cluster_ips)


def _in_order(service: Service, addresses: list[Address] | tuple[Address, ...]) -> tuple[Address, ...]:
    if len(addresses) < 2:
        return tuple(addresses)
    order = [VERSIONS[family] for family in service.families]
    return tuple(sorted(addresses, key=lambda address: order.index(address.version)))
