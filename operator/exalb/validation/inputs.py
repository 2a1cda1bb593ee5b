"""The part of the cluster that validation reads. Pure."""

from collections.abc import Mapping
from typing import NamedTuple, Self

from exalb.model.cluster import Advertisement, Cluster, CommunityNames, Node, Peer, Pool, Secret, ServiceRange
from exalb.validation.reserved_addresses import reported_gateways
from exalb_bgp.rib import Address


class RuleInputs(NamedTuple):
    """All objects that decide which resources are active.

    Validation reads nothing else, so that its memory is never stale.
    """

    pools: Mapping[str, Pool]
    peers: Mapping[str, Peer]
    advertisements: Mapping[str, Advertisement]
    communities: Mapping[str, CommunityNames]
    nodes: Mapping[str, Node]
    secrets: Mapping[str, Secret]
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
            communities=cluster.communities,
            nodes=cluster.nodes,
            secrets=cluster.secrets,
            service_ranges=cluster.service_ranges,
            gateways=reported_gateways(cluster.peers, cluster.speakers),
        )
