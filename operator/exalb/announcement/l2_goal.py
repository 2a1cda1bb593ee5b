"""The goal of the L2 process of one node, from the plan of all nodes and from facts that only its speaker has. Pure."""

from exalb.announcement.eligibility import EndpointState, NodeContext, endpoint_state, node_refusal
from exalb.announcement.l2 import L2Address, L2Plan
from exalb.model.cluster import Cluster
from exalb.model.local_node import DataPlane
from exalb_bgp.rib import Address
from exalb_bgp.session import Family
from exalb_l2.goal import WATCHED, Goal, Wanted

KEPT = WATCHED + 1
"""So many candidates of an address are given to the L2 process, and the node itself."""


def goal_of(plan: L2Plan, cluster: Cluster, node: str) -> Goal:
    """Return the addresses that a node may announce; `cluster` is the snapshot of its own speaker.

    It declines those that it may not announce now: others follow, and they know no reason.
    """
    known = cluster.nodes.get(node)
    if known is None:
        return Goal(node)
    programmed = cluster.programmed if cluster.host.data_plane is DataPlane.UP else None
    context = NodeContext(known, node_refusal(known, cluster.host, cluster.scope), {}, programmed)
    addresses: dict[Address, Wanted] = {}
    for address, planned in plan.addresses.items():
        if node in planned.candidates:
            first = planned.candidates[:KEPT]
            names = first if node in first else (*first, node)
            declined = context.refusal is not None or _waits(address, planned, cluster, context)
            addresses[address] = Wanted(names, planned.interfaces[node], declined)
    nodes = {name for wanted in addresses.values() for name in wanted.candidates}
    return Goal(node, addresses, {name: plan.nodes[name] for name in sorted(nodes)})


def _waits(address: Address, planned: L2Address, cluster: Cluster, context: NodeContext) -> bool:
    """Return whether kube-proxy of the node delivers to no Service of an address yet, as with a new local endpoint."""
    family, services = Family.of(address), [cluster.services[key] for key in planned.services]
    if all(context.is_programmed(service, family) for service in services):
        return False
    states = (
        endpoint_state(
            service,
            cluster.slices.get(service.key, ()),
            context.node,
            family,
            programmed=context.is_programmed(service, family),
        )[0]
        for service in services
    )
    return all(state is EndpointState.NONE for state in states)
