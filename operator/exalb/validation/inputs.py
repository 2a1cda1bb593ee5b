"""The part of the cluster that validation reads. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from exalb.model.cluster import (
    Advertisement,
    Cluster,
    CommunityNames,
    L2Advertisement,
    Node,
    Peer,
    Pool,
    Secret,
    ServiceRange,
)
from exalb.validation.passwords import reported_secrets
from exalb.validation.reserved_addresses import reported_gateways
from exalb_bgp.rib import Address


class RuleInputs(NamedTuple):
    """All objects that decide which resources are active.

    Validation reads nothing else, so that its memory is never stale.
    """

    pools: Mapping[str, Pool]
    peers: Mapping[str, Peer]
    advertisements: Mapping[str, Advertisement]
    l2_advertisements: Mapping[str, L2Advertisement]
    communities: Mapping[str, CommunityNames]
    nodes: Mapping[str, Node]
    secrets: Mapping[str, Secret]
    """As they were read, or as speakers report them where this program reads none."""
    secrets_namespace: str
    service_ranges: Mapping[str, ServiceRange]
    gateways: Mapping[Address, str]
    """The default gateways that speakers report; the rest of their reports is not read."""

    @classmethod
    def of(cls, cluster: Cluster) -> Self:
        """Take them from a cluster."""
        return cls(
            pools=cluster.pools,
            peers=cluster.peers,
            advertisements=cluster.advertisements,
            l2_advertisements=cluster.l2_advertisements,
            communities=cluster.communities,
            nodes=cluster.nodes,
            secrets=reported_secrets(cluster.peers, cluster.nodes, cluster.speakers)
            if cluster.secrets is None
            else cluster.secrets,
            secrets_namespace=cluster.scope.secrets_namespace,
            service_ranges=cluster.service_ranges,
            gateways=reported_gateways(cluster.peers, cluster.nodes, cluster.speakers),
        )

    def with_same_reports(self, before: Self) -> Self:
        """Return these inputs, with what speakers report taken from those `before` where it is equal to theirs."""
        fields = ("gateways", "secrets")
        same: dict[str, Any] = {
            name: getattr(before, name) for name in fields if getattr(before, name) == getattr(self, name)
        }
        return self._replace(**same)
