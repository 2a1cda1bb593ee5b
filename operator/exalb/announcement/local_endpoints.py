"""Lists the Services with endpoints on one node that the node's kube-proxy must have programmed first. Pure.

With externalTrafficPolicy Local, kube-proxy drops what arrives before it has rules for an endpoint of the node, and it
writes rules at most once a second. On the Service's healthCheckNodePort it answers 200 once it has them: that is how
Kubernetes has load balancers ask (Kubernetes docs, "Preserving the client source IP").
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from exalb.announcement.eligibility import EndpointState, endpoint_state
from exalb.model.cluster import Cluster, Service, ServiceFamily
from exalb.model.diff import changed_keys
from exalb_bgp.session import Family


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between two snapshots."""

    ports: Mapping[ServiceFamily, int | None]
    """The port to ask, where it is new or another; None where there is nothing more to ask about."""
    had_cluster: frozenset[ServiceFamily]
    """Those of `ports` whose Service had policy Cluster before, with the endpoint: kube-proxy has programmed it."""
    had_port: frozenset[ServiceFamily]
    """Those of `ports` whose Service had another port before, with the endpoint."""


class LocalEndpoints:
    """The Services with ready endpoints on one node, and their ports for health checks."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._last = Cluster()
        self.ports: dict[ServiceFamily, int] = {}
        """The port to ask, for each Service and family with ready endpoints here."""

    def update(self, cluster: Cluster) -> Changes:
        """Take the next snapshot; return what changed."""
        last = self._last
        keys = changed_keys(last.services, cluster.services) + changed_keys(last.slices, cluster.slices)
        if self._node in cluster.nodes and self._node not in last.nodes:
            keys += cluster.services
        ports: dict[ServiceFamily, int | None] = {}
        for key in dict.fromkeys(keys):
            service = cluster.services.get(key)
            found = dict(self._asked(cluster, service)) if service else {}
            for family in Family:
                if found.get(family) != self.ports.get((key, family)):
                    ports[key, family] = found.get(family)
        same = [item for item, port in ports.items() if port and self._is_same_service(last, cluster, item)]
        had_cluster = frozenset(item for item in same if self._served_by_cluster(last, item))
        changes = Changes(ports, had_cluster, frozenset(item for item in same if item in self.ports))
        for item, port in ports.items():
            self.ports.pop(item, None)
            if port is not None:
                self.ports[item] = port
        self._last = cluster
        return changes

    def _asked(self, cluster: Cluster, service: Service) -> Iterator[tuple[Family, int]]:
        port = service.health_check_port
        if port is None or not service.local_traffic or not cluster.is_ours(service):
            return
        for family in Family:
            if self._is_ready_here(cluster, service, family):
                yield family, port

    @staticmethod
    def _is_same_service(last: Cluster, cluster: Cluster, item: ServiceFamily) -> bool:
        before = last.services.get(item[0])
        return before is not None and before.uid == cluster.services[item[0]].uid and last.is_ours(before)

    def _served_by_cluster(self, last: Cluster, item: ServiceFamily) -> bool:
        before = last.services[item[0]]
        return not before.local_traffic and self._is_ready_here(last, before, item[1])

    def _is_ready_here(self, cluster: Cluster, service: Service, family: Family) -> bool:
        node = cluster.nodes.get(self._node)
        if node is None:
            return False
        local = replace(service, local_traffic=True)
        return endpoint_state(local, cluster.slices.get(service.key, ()), node, family)[0] is EndpointState.READY
