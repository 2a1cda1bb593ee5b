"""A running cluster as a reader sees it: its objects, and the facts that only the reports of speakers have. Pure.

A reader has no Secrets and no access to nodes. What the programs know beyond the objects is read from the statuses that
they write: whether a Secret can be used from the condition of its BGPPeer, a node's default gateway and data plane from
its BGPSpeaker.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from ipaddress import ip_address

from exalb.allocation.allocator import Allocation, Allocator
from exalb.announcement.drain import DrainPolicy, DrainRequest, drain_request, step_of
from exalb.announcement.drained_plan import DrainPlanner
from exalb.announcement.l2 import L2Plan, L2Planner
from exalb.announcement.planner import NodePlan, RoutePlanner
from exalb.api.peer import BGPPeerStatus
from exalb.api.reasons import ConditionType, Finding, Reason, Refusal
from exalb.api.speaker import is_stale
from exalb.api.status import parse_status
from exalb.model.cluster import Cluster, Secret, SpeakerReport
from exalb.model.lease import Lease
from exalb.model.local_node import DataPlane, Gateway, LocalNode
from exalb.report.conditions import find_condition
from exalb.report.heartbeats import SILENT_SECONDS
from exalb.validation.rules import Rules, validate
from exalb_bgp.rib import Address
from exalb_bgp.session import FAMILIES, Family, Password

LEADER_SECONDS = 60.0
"""A Lease that was not renewed for this long has no leader; it leaves room for clocks that differ."""


@dataclass(frozen=True)
class Observed:
    """A cluster, and the decisions that ExaLB's own functions make about it."""

    cluster: Cluster
    now: datetime
    lease: Lease = field(default_factory=Lease)
    malformed: tuple[Finding, ...] = ()
    """Objects that could not be read into the snapshot."""

    @cached_property
    def rules(self) -> Rules:
        """The active resources, and the findings about the others."""
        return validate(self.cluster)

    @cached_property
    def allocator(self) -> Allocator:
        """The allocator with its cache: it answers a cluster that differs in one Service at little cost."""
        return Allocator()

    @cached_property
    def allocation(self) -> Allocation:
        """The decision about all addresses."""
        return self.allocator.allocate(self.cluster, self.rules)

    @cached_property
    def l2(self) -> L2Plan:
        """The addresses that nodes may announce on their LANs."""
        return L2Planner(DrainPolicy()).plan(self.cluster, self.rules)

    def plan(self, node: str, cluster: Cluster | None = None) -> NodePlan:
        """Return the plan of a node, for the whole cluster or for a part of its Services, with its reported drain."""
        plan = self.undrained_plan(node, cluster)
        report, known = self.cluster.speakers.get(node), self.cluster.nodes.get(node)
        step = step_of(report.observed.drain) if report else None
        if step is None or known is None:
            return plan
        request = drain_request(known, DrainPolicy()) or DrainRequest(step.cause, f"node {node} is drained")
        return DrainPlanner(node, DrainPolicy()).plan(cluster or self.cluster, self.rules, plan, step, request)

    def undrained_plan(self, node: str, cluster: Cluster | None = None) -> NodePlan:
        """Return the plan of a node as it is without a drain."""
        host = host_of(self.cluster, node)
        return RoutePlanner(node).plan(replace(cluster or self.cluster, host=host), self.rules)

    def leader_refusal(self) -> Refusal | None:
        """Return why no controller decides, or None if one leads or nobody can say."""
        lease = self.lease
        if lease.unknown:
            return None
        if not lease.holder or lease.renewed is None:
            return Refusal(Reason.NO_LEADER, "no controller holds the Lease exalb-controller")
        age = (self.now - lease.renewed).total_seconds()
        if age < LEADER_SECONDS:
            return None
        return Refusal(Reason.NO_LEADER, f"controller {lease.holder} has not renewed its Lease for {age:.0f} s")


def with_supposed_secrets(cluster: Cluster) -> Cluster:
    """Return the cluster with the Secrets that its BGPPeers name, as the controller found them.

    The passwords are not the real ones: no answer depends on them.
    """
    return replace(cluster, secrets={secret.name: secret for secret in _supposed(cluster)})


def _supposed(cluster: Cluster) -> Iterator[Secret]:
    for peer in cluster.peers.values():
        if peer.spec is None or peer.spec.password_secret_ref is None:
            continue
        name = peer.spec.password_secret_ref.name
        accepted = find_condition(parse_status(BGPPeerStatus, peer.status).conditions, ConditionType.ACCEPTED)
        if accepted is None or accepted.reason not in (Reason.SECRET_NOT_FOUND.value, Reason.SECRET_UNUSABLE.value):
            yield Secret(name, Password(b"unknown"), None)
        elif accepted.reason == Reason.SECRET_UNUSABLE.value:
            yield Secret(name, None, accepted.message.removeprefix("spec.passwordSecretRef: "))


def host_of(cluster: Cluster, node: str) -> LocalNode:
    """Return what the speaker of a node knows of its node, as far as its report says so."""
    report = cluster.speakers.get(node)
    if report is None:
        return LocalNode()
    condition = find_condition(report.observed.conditions, ConditionType.DATA_PLANE_HEALTHY)
    states = {state.value: state for state in DataPlane}
    state = states.get(condition.reason, DataPlane.NOT_MONITORED) if condition else DataPlane.NOT_MONITORED
    why = condition.message if condition else ""
    return LocalNode(_gateways(cluster, report), state, why, _link_locals(cluster, report))


def _gateways(cluster: Cluster, report: SpeakerReport) -> Mapping[Family, Gateway]:
    """Return the default gateways of a node: the addresses of the sessions with them."""
    found: dict[Family, Gateway] = {}
    for session in report.observed.sessions:
        peer = cluster.peers.get(session.peer)
        source = peer.spec.peer_address_from if peer and peer.spec else None
        if source and source.default_gateway and session.peer_address:
            found[FAMILIES[source.default_gateway]] = Gateway(ip_address(session.peer_address), "")
    return found


def _link_locals(cluster: Cluster, report: SpeakerReport) -> Mapping[str, Address] | None:
    """Return no addresses where the speaker found none for a link-local router, else None: not known."""
    for session in report.observed.sessions:
        peer = cluster.peers.get(session.peer)
        address = peer.spec.peer_address if peer and peer.spec else None
        if address and ip_address(address).is_link_local and session.peer_address is None:
            return {}
    return None


def speaker_refusal(observed: Observed, node: str) -> Refusal | None:
    """Return why a node's speaker or its ExaBGP does not work, or None."""
    report = observed.cluster.speakers.get(node)
    if report is None:
        return Refusal(Reason.SPEAKER_MISSING, f"node {node} has no BGPSpeaker: no speaker ever ran there")
    ready = find_condition(report.observed.conditions, ConditionType.READY)
    if is_stale(report.observed) and ready:
        return Refusal(Reason.SPEAKER_NOT_REPORTING, ready.message)
    heartbeat = report.observed.heartbeat
    age = (observed.now - datetime.fromisoformat(heartbeat)).total_seconds() if heartbeat else 0.0
    if age > SILENT_SECONDS:
        # As the controller writes it: with the time itself, since an age would be another text each second.
        message = f"the speaker of node {node} has written no heartbeat since {heartbeat}, so its report is stale"
        return Refusal(Reason.SPEAKER_NOT_REPORTING, message)
    if ready and ready.status == "False":
        return Refusal(Reason.ENGINE_NOT_CONNECTED, f"node {node}: {ready.message}")
    return None
