"""Warnings about pools: those that nothing announces. Pure."""

from collections.abc import Iterator

from exalb.api.reasons import Finding, Reason
from exalb.model.cluster import Cluster
from exalb.validation.advertisements import selects_pool
from exalb.validation.pools import ActivePool
from exalb.validation.rules import Rules


def unannounced_pools(cluster: Cluster, rules: Rules) -> Iterator[Finding]:
    """Yield the pools whose addresses Services get without any effect, as neither BGP nor L2 announces them."""
    for pool in rules.pools:
        if any(selects_pool(item.spec, pool.name, pool.labels) for item in rules.l2_advertisements):
            continue
        if not cluster.peers:
            yield _of(
                pool,
                "there is no BGPPeer, and no L2Advertisement selects the pool: create a BGPPeer, or where no router"
                " speaks BGP an L2Advertisement",
            )
        elif not any(selects_pool(item.spec, pool.name, pool.labels) for item in rules.advertisements):
            yield _of(
                pool,
                "no BGPAdvertisement and no L2Advertisement selects the pool: name it in ipAddressPools of one of them",
            )


def _of(pool: ActivePool, why: str) -> Finding:
    message = f"no node announces its addresses: {why}"
    return Finding("IPAddressPool", pool.name, "spec.addresses", Reason.NOT_ADVERTISED, message)
