"""The terms on which a Service shares its address. Pure.

Sharers have the same sharing key, no common port and the same externalTrafficPolicy; with Local also the same
endpoints. Across namespaces both sides must name the namespace of the other, or the pool must allow it.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

from exalb.model.cluster import Service
from exalb.model.ports import Port

MAX_SHARED_PORTS = 1000
"""A Service with more ports shares with no other: the record of its terms has to fit into its status."""

SharingGroup: TypeAlias = tuple[str, str]
"""Sharing key and endpoints: only Services of one group can share."""


@dataclass(frozen=True, slots=True)
class SharingTerms:
    """All that decides with which Services a Service may share an address."""

    key: str
    ports: frozenset[Port]
    endpoints: str
    """Under Local traffic a digest of the namespace and the selector; empty under Cluster traffic."""
    namespaces: frozenset[str]
    """Other namespaces that it consents to."""

    @property
    def group(self) -> SharingGroup:
        """The group of the Service."""
        return self.key, self.endpoints

    def is_within(self, agreed: "SharingTerms") -> bool:
        """Whether these terms ask the other sharers for no more than `agreed` did."""
        return self.group == agreed.group and self.ports <= agreed.ports and agreed.namespaces <= self.namespaces


def terms_of(service: Service) -> SharingTerms | None:
    """Return the terms of a Service; None if it can share with no other."""
    request = service.request
    is_local_without_selector = service.local_traffic and not service.selector
    if request.sharing_key is None or is_local_without_selector or len(service.ports) > MAX_SHARED_PORTS:
        return None
    endpoints = _digest(service) if service.local_traffic else ""
    return SharingTerms(request.sharing_key, service.ports, endpoints, request.sharing_namespaces)


def _digest(service: Service) -> str:
    """Identify the pods of a Service: equal selectors in two namespaces select different pods."""
    return sha256(repr((service.key.namespace, service.selector)).encode()).hexdigest()[:16]
