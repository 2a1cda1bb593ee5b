"""The Services that have one address, indexed by all that decides whether another may join them. Pure.

The index makes the answer cheap: it depends on the ports of the newcomer and the namespaces of the holders, and not on
how many Services share the address.
"""

from collections import Counter

from exalb.api.reasons import Reason, Refusal
from exalb.model.cluster import Key, Service
from exalb.model.ports import Port
from exalb.model.service_annotations import EVERY_NAMESPACE, SHARING_KEY, SHARING_NAMESPACES
from exalb.model.sharing_terms import MAX_SHARED_PORTS, terms_of
from exalb_bgp.rib import Address


class Holders:
    """The Services that have one address."""

    __slots__ = ("_across_namespaces", "_address", "_index", "_pool", "services")

    def __init__(self, address: Address, pool: str, *, across_namespaces: bool) -> None:
        self._address, self._pool = address, pool
        self._across_namespaces = across_namespaces
        """Whether the pool allows that Services of several namespaces share."""
        self.services: dict[Key, Service] = {}
        self._index: _Index | None = None
        """Of the holders; made for the first newcomer: most addresses never have a second Service."""

    def add(self, service: Service) -> None:
        """Add a Service that is not refused."""
        self.services[service.key] = service
        if self._index:
            self._index.add(service)

    def remove(self, key: Key) -> Service:
        """Remove a Service and return it as it was added."""
        service = self.services.pop(key)
        if self._index:
            self._index.remove(service)
        return service

    def _indexed(self) -> "_Index":
        if self._index is None:
            self._index = _Index()
            for service in self.services.values():
                self._index.add(service)
        return self._index

    def refusal(self, service: Service) -> Refusal | None:
        """Say why `service`, which is no holder, cannot join the holders, of which there are some; None if it can."""
        return self._of_terms(service) or self._of_ports(service) or self._of_namespaces(service)

    def _of_terms(self, service: Service) -> Refusal | None:
        """Compare with any of the holders, which all have the same key and endpoints; name the oldest."""
        holder, address = next(iter(self.services.values())), self._address
        terms, their_terms = terms_of(service), terms_of(holder)
        if terms and their_terms and terms.group == their_terms.group:
            return None
        holder = min(self.services.values(), key=lambda member: member.age)
        mine, theirs = service.request.sharing_key, holder.request.sharing_key
        if mine is None or theirs is None:
            message = f"{address} is in use by Service {holder.key}: to share it, both need the same {SHARING_KEY}"
            return Refusal(Reason.ADDRESS_IN_USE, message)
        if mine != theirs:
            return _conflict(address, holder, "has another sharing key")
        if service.local_traffic != holder.local_traffic:
            return _conflict(address, holder, "has another externalTrafficPolicy: sharers need the same")
        if terms is None or their_terms is None:
            return _conflict(address, holder, f"cannot share it: {_unable(service if terms is None else holder)}")
        why = "has other endpoints: with externalTrafficPolicy Local, sharers need the same namespace and selector"
        return _conflict(address, holder, why)

    def _of_ports(self, service: Service) -> Refusal | None:
        by_port = self._indexed().by_port
        port = min((port for port in service.ports if port in by_port), default=None)
        if port is None:
            return None
        return _conflict(self._address, by_port[port], f"uses {port}: sharers need different ports")

    def _of_namespaces(self, service: Service) -> Refusal | None:
        mine, names = service.key.namespace, service.request.sharing_namespaces
        if self._across_namespaces:
            return None
        index = self._indexed()
        for other, count in sorted(index.by_namespace.items()):
            consents = index.consents[other]
            both = (other in names or EVERY_NAMESPACE in names) and consents[mine] + consents[EVERY_NAMESPACE] == count
            if other != mine and not both:
                message = (
                    f"{self._address} is in use by Services of namespace {other}: to share it, name the other "
                    f"namespace in {SHARING_NAMESPACES} of the Services of both, or set allowCrossNamespaceSharing "
                    f"in IPAddressPool {self._pool}"
                )
                return Refusal(Reason.SHARING_CONFLICT, message)
        return None


class _Index:
    """The holders of one address by port and by namespace."""

    def __init__(self) -> None:
        self.by_port: dict[Port, Service] = {}
        self.by_namespace: Counter[str] = Counter()
        self.consents: dict[str, Counter[str]] = {}
        """For each namespace of holders: how many of them consent to which other namespace."""

    def add(self, service: Service) -> None:
        self.by_port.update(dict.fromkeys(service.ports, service))
        namespace = service.key.namespace
        self.by_namespace[namespace] += 1
        self.consents.setdefault(namespace, Counter()).update(service.request.sharing_namespaces)

    def remove(self, service: Service) -> None:
        for port in service.ports:
            del self.by_port[port]
        namespace = service.key.namespace
        self.by_namespace[namespace] -= 1
        self.consents[namespace].subtract(service.request.sharing_namespaces)
        if not self.by_namespace[namespace]:
            del self.by_namespace[namespace], self.consents[namespace]


def _conflict(address: Address, holder: Service, why: str) -> Refusal:
    return Refusal(Reason.SHARING_CONFLICT, f"{address} is in use by Service {holder.key}, which {why}")


def _unable(service: Service) -> str:
    """Say why a Service with a sharing key can share with no other."""
    if len(service.ports) > MAX_SHARED_PORTS:
        return f"{service.key} has more than {MAX_SHARED_PORTS} ports"
    return f"{service.key} has externalTrafficPolicy Local and no selector, so its endpoints cannot be compared"
