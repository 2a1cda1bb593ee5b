"""Which Service has which address. Pure: the answer depends on the picture of the cluster alone.

Two steps, both in order of age. First everybody keeps what stands in its status, as far as that is lawful. Then those
that have not what they ask for choose from the rest. What somebody gives up is free for others only in the next
picture, when it is gone from that Service's status: so two writes of one round never name one address.

The allocator remembers what it worked out for objects that are still the same; a fresh one gives the same answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from exalb.changes import changed_keys
from exalb.choice import Chooser, Outcome, is_content
from exalb.cluster import Cluster, Key, Namespace, Service
from exalb.ledger import Ledger, may_have
from exalb.pools import VERSIONS, PoolTable
from exalb.reasons import Reason, Refusal
from exalb.validity import POOL_RULES, PoolInForce, pools_in_force
from exalb_bgp.rib import Address
from exalb_bgp.session import Family


@dataclass(frozen=True, slots=True)
class PoolUse:
    """How much of one family of a pool is in use."""

    capacity: int
    assigned: int


@dataclass(frozen=True, slots=True)
class Allocation:
    """The outcome for each Service that is ours, and how full each pool is."""

    outcomes: Mapping[Key, Outcome]
    use: Mapping[tuple[str, Family], PoolUse]


def allocate(cluster: Cluster) -> Allocation:
    """Give each Service of `cluster` that is ours its addresses, from scratch."""
    return Allocator().allocate(cluster)


class Allocator:
    """`allocate`, with a memory for what did not change since the last picture."""

    def __init__(self) -> None:
        self._forget((), frozenset())

    def _forget(self, pools: tuple[PoolInForce, ...], aside: frozenset[str]) -> None:
        self._last = Cluster()
        self._pools, self._aside = pools, aside
        self._ledger = Ledger(PoolTable(pools, aside))
        self._restless: dict[Key, Service] = {}
        self._given: list[tuple[Service, Address]] = []
        self._outcomes: dict[Key, Outcome] = {}

    def allocate(self, cluster: Cluster) -> Allocation:
        """Give each Service of `cluster` that is ours its addresses."""
        self._forget_where_rules_changed(cluster)
        for service, address in self._given:
            self._ledger.remove(service, address)
        self._given.clear()
        self._keep(cluster, self._changed(cluster))
        self._choose(cluster)
        self._last = cluster
        return Allocation(dict(self._outcomes), self._use())

    def _forget_where_rules_changed(self, cluster: Cluster) -> None:
        last = self._last
        if any(getattr(cluster, kind) is not getattr(last, kind) for kind in POOL_RULES):
            pools = pools_in_force(cluster, [])
            aside = frozenset(cluster.pools).difference(pool.name for pool in pools)
        else:
            pools, aside = self._pools, self._aside
        namespaces = any(pool.spec.service_allocation for pool in pools) and changed_keys(
            last.namespaces, cluster.namespaces
        )
        rules_changed = (pools, aside, cluster.require_class) != (self._pools, self._aside, last.require_class)
        if rules_changed or namespaces:
            self._forget(pools, aside)

    def _changed(self, cluster: Cluster) -> list[tuple[Service | None, Service | None]]:
        old, new = self._last.services, cluster.services
        return [(old.get(key), new.get(key)) for key in changed_keys(old, new)]

    def _keep(self, cluster: Cluster, changed: list[tuple[Service | None, Service | None]]) -> None:
        touched: set[Address] = set()
        concerned: set[Key] = set()
        for old, new in changed:
            if old:
                touched.update(self._strike_out(old, self._last))
                concerned.add(old.key)
            if new:
                touched.update(self._enter(new, cluster))
                concerned.add(new.key)
        concerned |= self._ledger.settle(touched)
        for key in concerned:
            service = cluster.services.get(key)
            self._restless.pop(key, None)
            if service is None or not cluster.is_ours(service):
                self._outcomes.pop(key, None)
            elif is_content(service, self._kept(service), self._ledger.pools):
                self._outcomes[key] = self._outcome(service, self._kept(service), None)
            else:
                self._restless[key] = service

    def _enter(self, service: Service, cluster: Cluster) -> tuple[Address, ...]:
        if not cluster.is_ours(service):
            for address in _blocked_by(service):
                self._ledger.block(service, address)
            return service.held
        labels = labels_of(cluster.namespaces, service.key.namespace)
        wanted = {VERSIONS[family] for family in service.families}
        for address in service.held:
            refusal = may_have(service, address, self._ledger.pools.find(address), labels)
            if refusal is None and address.version not in wanted:
                message = f"{service.key} has no use for {address}: see its ipFamilies"
                refusal = Refusal(Reason.FAMILY_NOT_WANTED, message)
            if refusal is None:
                wanted.remove(address.version)
            self._ledger.claim(service, address, refusal)
        return service.held

    def _strike_out(self, service: Service, cluster: Cluster) -> tuple[Address, ...]:
        if cluster.is_ours(service):
            for address in service.held:
                self._ledger.unclaim(service.key, address)
        else:
            for address in _blocked_by(service):
                self._ledger.unblock(service.key, address)
        return service.held

    def _kept(self, service: Service) -> tuple[Address, ...]:
        kept = [address for address in service.held if (service.key, address) not in self._ledger.lost]
        return _in_order(service, kept)

    def _choose(self, cluster: Cluster) -> None:
        chooser = Chooser(self._ledger, lambda namespace: labels_of(cluster.namespaces, namespace))
        for service in sorted(self._restless.values(), key=lambda service: service.age):
            kept = self._kept(service)
            found = chooser.choose(service, kept)
            refusal = found if isinstance(found, Refusal) else None
            addresses = kept if isinstance(found, Refusal) else _in_order(service, found)
            for address in addresses:
                if address not in kept:
                    self._ledger.add(service, address)
                    self._given.append((service, address))
            self._outcomes[service.key] = self._outcome(service, addresses, refusal)

    def _outcome(self, service: Service, addresses: tuple[Address, ...], refusal: Refusal | None) -> Outcome:
        pools = tuple(pool.name for pool in map(self._ledger.pools.find, addresses) if pool)
        lost = tuple(
            (address, self._ledger.lost[service.key, address])
            for address in service.held
            if (service.key, address) in self._ledger.lost
        )
        outcome, before = Outcome(addresses, pools, refusal, lost), self._outcomes.get(service.key)
        return before if before == outcome else outcome

    def _use(self) -> dict[tuple[str, Family], PoolUse]:
        return {
            (pool.name, family): PoolUse(pool.capacity(family), len(self._ledger.used(pool, VERSIONS[family])))
            for pool in self._ledger.pools.in_order
            for family in Family
            if pool.has_family(family)
        }


def labels_of(namespaces: Mapping[str, Namespace], name: str) -> Mapping[str, str]:
    """Return the labels of a namespace; one that is not known has its name as the API server would set it."""
    namespace = namespaces.get(name)
    return namespace.labels if namespace else {"kubernetes.io/metadata.name": name}


def _blocked_by(service: Service) -> tuple[Address, ...]:
    """Return what a Service that is not ours has: another controller gave it, or we did and have not taken it back."""
    return service.held if service.is_load_balancer or service.condition else ()


def _in_order(service: Service, addresses: list[Address] | tuple[Address, ...]) -> tuple[Address, ...]:
    order = [VERSIONS[family] for family in service.families]
    return tuple(sorted(addresses, key=lambda address: order.index(address.version)))
