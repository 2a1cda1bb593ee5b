"""Lists the Services with endpoints on one node that the node's kube-proxy must know first. Pure.

With externalTrafficPolicy Local, kube-proxy drops what arrives before it has rules for an endpoint of the node, and it
writes rules at most once a second. On the Service's healthCheckNodePort it answers 200 once it has them: that is how
Kubernetes has load balancers ask (Kubernetes docs, "Preserving the client source IP").
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exalb.announcement.eligibility import EndpointState, endpoint_state
from exalb.model.cluster import Cluster, Service, ServiceFamily
from exalb.model.diff import changed_keys
from exalb_bgp.session import Family


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between two snapshots."""

    ports: Mapping[ServiceFamily, int | None]
    """The port to ask, where it is new or another; None where there is nothing more to ask about."""
    known: frozenset[ServiceFamily]
    """Those of `ports` that kube-proxy delivers to already: the Service had policy Cluster before."""


class LocalEndpoints:
    """The Services with ready endpoints on one node, and their ports for health checks."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._last = Cluster()
        self.ports: dict[ServiceFamily, int] = {}
        """The port to ask, for each Service and family with ready endpoints here."""

    def update(self, cluster: Cluster) -> Changes:
        """Take the next snapshot; return what changed."""
        last, self._last = self._last, cluster
        keys = changed_keys(last.services, cluster.services) + changed_keys(last.slices, cluster.slices)
        if last.nodes.get(self._node) is None:
            keys = list(cluster.services)
        changes: dict[ServiceFamily, int | None] = {}
        for key in dict.fromkeys(keys):
            service = cluster.services.get(key)
            found = dict(self._asked(cluster, service)) if service else {}
            for family in Family:
                item = key, family
                port = found.get(family)
                if port != self.ports.get(item):
                    changes[item] = port
        for item, port in changes.items():
            if port is None:
                del self.ports[item]
            else:
                self.ports[item] = port
        return Changes(changes, frozenset(item for item in changes if self._served_by_cluster(last, item)))

    def _asked(self, cluster: Cluster, service: Service) -> Iterator[tuple[Family, int]]:
        port = service.health_check_port
        if port is None or not service.local_traffic or not cluster.is_ours(service):
            return
        for family in Family:
            if self._is_ready(cluster, service, family):
                yield family, port

    def _served_by_cluster(self, cluster: Cluster, item: ServiceFamily) -> bool:
        service = cluster.services.get(item[0])
        return service is not None and not service.local_traffic and self._is_ready(cluster, service, item[1])

    def _is_ready(self, cluster: Cluster, service: Service, family: Family) -> bool:
        node, slices = cluster.nodes.get(self._node), cluster.slices.get(service.key, ())
        return node is not None and endpoint_state(service, slices, node, family)[0] is EndpointState.READY
