"""Lists the Services with endpoints on one node that the node's kube-proxy must know first. Pure.

With externalTrafficPolicy Local, kube-proxy drops what arrives before it has rules for an endpoint of the node, and it
writes rules at most once a second. On the Service's healthCheckNodePort it answers 200 once it has them: that is how
Kubernetes has load balancers ask (Kubernetes docs, "Preserving the client source IP").
"""

from collections.abc import Iterator

from exalb.announcement.eligibility import EndpointState, endpoint_state
from exalb.model.cluster import Cluster, Service, ServiceFamily
from exalb.model.diff import changed_keys
from exalb_bgp.session import Family


class LocalEndpoints:
    """The Services with ready endpoints on one node, and their ports for health checks."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._last = Cluster()
        self.ports: dict[ServiceFamily, int] = {}
        """The port to ask, for each Service and family with ready endpoints here."""

    def update(self, cluster: Cluster) -> dict[ServiceFamily, int | None]:
        """Take the next snapshot; return what changed in `ports`, with None for what is gone."""
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
        return changes

    def _asked(self, cluster: Cluster, service: Service) -> Iterator[tuple[Family, int]]:
        node, port = cluster.nodes.get(self._node), service.health_check_port
        if node is None or port is None or not service.local_traffic or not cluster.is_ours(service):
            return
        for family in Family:
            state, _, _ = endpoint_state(service, cluster.slices.get(service.key, ()), node, family)
            if state is EndpointState.READY:
                yield family, port
