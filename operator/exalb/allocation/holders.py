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

    def __init__(self, address: Address, pool: str, *, across_namespaces: bool) -> None:
        self._address, self._pool = address, pool
        self._across_namespaces = across_namespaces
        """Whether the pool allows that Services of several namespaces share."""
        self.services: dict[Key, Service] = {}
        self._by_port: dict[Port, Service] = {}
        self._by_namespace: Counter[str] = Counter()
        self._consents: dict[str, Counter[str]] = {}
        """For each namespace of holders: how many of them consent to which other namespace."""

    def add(self, service: Service) -> None:
        """Add a Service that is not refused."""
        self.services[service.key] = service
        self._by_port.update(dict.fromkeys(service.ports, service))
        namespace = service.key.namespace
        self._by_namespace[namespace] += 1
        self._consents.setdefault(namespace, Counter()).update(service.request.sharing_namespaces)

    def remove(self, key: Key) -> Service:
        """Remove a Service and return it as it was added."""
        service = self.services.pop(key)
        for port in service.ports:
            del self._by_port[port]
        namespace = service.key.namespace
        self._by_namespace[namespace] -= 1
        self._consents[namespace].subtract(service.request.sharing_namespaces)
        if not self._by_namespace[namespace]:
            del self._by_namespace[namespace], self._consents[namespace]
        return service

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
        port = min((port for port in service.ports if port in self._by_port), default=None)
        if port is None:
            return None
        return _conflict(self._address, self._by_port[port], f"uses {port}: sharers need different ports")

    def _of_namespaces(self, service: Service) -> Refusal | None:
        mine, names = service.key.namespace, service.request.sharing_namespaces
        if self._across_namespaces:
            return None
        for other, count in sorted(self._by_namespace.items()):
            consents = self._consents[other]
            both = (other in names or EVERY_NAMESPACE in names) and consents[mine] + consents[EVERY_NAMESPACE] == count
            if other != mine and not both:
                message = (
                    f"{self._address} is in use by Services of namespace {other}: to share it, name the other "
                    f"namespace in {SHARING_NAMESPACES} of the Services of both, or set allowCrossNamespaceSharing "
                    f"in IPAddressPool {self._pool}"
                )
                return Refusal(Reason.SHARING_CONFLICT, message)
        return None


def _conflict(address: Address, holder: Service, why: str) -> Refusal:
    return Refusal(Reason.SHARING_CONFLICT, f"{address} is in use by Service {holder.key}, which {why}")


def _unable(service: Service) -> str:
    """Say why a Service with a sharing key can share with no other."""
    if len(service.ports) > MAX_SHARED_PORTS:
        return f"{service.key} has more than {MAX_SHARED_PORTS} ports"
    return f"{service.key} has externalTrafficPolicy Local and no selector, so its endpoints cannot be compared"
