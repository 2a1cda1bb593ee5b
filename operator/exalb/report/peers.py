"""Decides the status of each BGPPeer from its spec and the reports of the speakers. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from exalb.api.peer import BGPPeerSpec, BGPPeerStatus
from exalb.api.reasons import ConditionType, Reason, Refusal
from exalb.api.shorten import shorten_names, shorten_sentences
from exalb.api.speaker import SessionReport, is_stale
from exalb.model.cluster import Cluster, Peer, SpeakerReport
from exalb.report.conditions import DesiredCondition, find_condition
from exalb.report.flaps import FLAPS, flaps
from exalb.validation.peers import ActivePeer, is_for
from exalb_bgp.session import State

SHOWN_NODES = 3
"""How many nodes without a session the message names, and how many whose session flaps."""
SHOWN_VALUES = 2
"""How many addresses or AS numbers a column shows."""


@dataclass(frozen=True, slots=True)
class PeerSessions:
    """The sessions with one peer: which nodes want one, and the report of each node."""

    spec: BGPPeerSpec | None
    """With the fields of its template, where the peer is active."""
    is_template: bool
    nodes: Sequence[str]
    reports: Mapping[str, SessionReport]
    flapping: Mapping[str, Refusal]
    """The nodes whose session flaps, each with the finding."""

    @property
    def down(self) -> list[str]:
        """The nodes that want a session and have none, in order of name."""
        return sorted(node for node in self.nodes if not self._is_up(node))

    @property
    def established(self) -> int:
        """How many nodes have an Established session."""
        return len(self.nodes) - len(self.down)

    def _is_up(self, node: str) -> bool:
        report = self.reports.get(node)
        return report is not None and report.state is State.ESTABLISHED


def peer_sessions(cluster: Cluster, active: Iterable[ActivePeer]) -> Iterator[tuple[Peer, PeerSessions]]:
    """Yield every BGPPeer with its sessions; stale reports do not count."""
    reports, flapping = _reports(cluster), _flapping(cluster)
    by_name = {peer.name: peer for peer in active}
    templates = {peer.spec.template for peer in cluster.peers.values() if peer.spec and peer.spec.template}
    for peer in cluster.peers.values():
        accepted = by_name.get(peer.name)
        nodes = [node.name for node in cluster.nodes.values() if is_for(accepted, node)] if accepted else []
        spec = accepted.spec if accepted else peer.spec
        of_peer = reports.get(peer.name, {}), flapping.get(peer.name, {})
        yield peer, PeerSessions(spec, peer.name in templates, nodes, *of_peer)


def _reports(cluster: Cluster) -> dict[str, dict[str, SessionReport]]:
    """Return the sessions that speakers report, by peer and node."""
    found: dict[str, dict[str, SessionReport]] = {}
    for speaker in _reporting(cluster):
        for session in speaker.observed.sessions:
            found.setdefault(session.peer, {})[speaker.name] = session
    return found


def _flapping(cluster: Cluster) -> dict[str, dict[str, Refusal]]:
    """Return the findings about sessions that flap, by peer and node."""
    found: dict[str, dict[str, Refusal]] = {}
    for speaker in _reporting(cluster):
        for peer, finding in flaps(speaker.observed):
            found.setdefault(peer, {})[speaker.name] = finding
    return found


def _reporting(cluster: Cluster) -> Iterator[SpeakerReport]:
    for speaker in cluster.speakers.values():
        if speaker.name in cluster.nodes and not is_stale(speaker.observed):
            yield speaker


def peer_status(sessions: PeerSessions) -> BGPPeerStatus:
    """Return the status of a peer without its conditions."""
    wanted, established = len(sessions.nodes), sessions.established
    return BGPPeerStatus(
        established=established,
        wanted=wanted,
        sessions=f"{established}/{wanted}",
        address=_address(sessions),
        asn=_asn(sessions),
    )


def _address(sessions: PeerSessions) -> str | None:
    if sessions.spec and sessions.spec.peer_address:
        return sessions.spec.peer_address
    reported = {report.peer_address for report in sessions.reports.values() if report.peer_address}
    return shorten_names(sorted(reported), SHOWN_VALUES) or None


def _asn(sessions: PeerSessions) -> str | None:
    if sessions.spec and sessions.spec.peer_asn:
        return str(sessions.spec.peer_asn)
    reported = {report.peer_asn for report in sessions.reports.values() if report.peer_asn}
    return shorten_names([str(asn) for asn in sorted(reported)], SHOWN_VALUES) or None


def sessions_changed(before: BGPPeerStatus, after: BGPPeerStatus) -> bool:
    """Whether sessions came up or went down; that a new peer has none yet is no change."""
    return (before.established, before.wanted) != (after.established, after.wanted) and (
        before.established > 0 or after.established > 0
    )


def begins_to_flap(before: BGPPeerStatus, established: DesiredCondition) -> bool:
    """Whether a session flaps that did not, so quickly that no report has it down."""
    was = find_condition(before.conditions, ConditionType.ESTABLISHED)
    return FLAPS in established.message and (was is None or FLAPS not in was.message)


def established_condition(sessions: PeerSessions) -> DesiredCondition:
    """Return the condition Established of a peer."""
    kind, wanted, down = ConditionType.ESTABLISHED, len(sessions.nodes), sessions.down
    if not wanted:
        return DesiredCondition(kind, "False", Reason.NO_SESSION_WANTED, "no node wants a session with this peer")
    counts = f"{sessions.established} of {wanted} sessions are Established"
    # A session that is down is named as that alone: each time it goes down is then one text, which one event counts.
    up = sorted(set(sessions.nodes) & sessions.flapping.keys() - set(down))
    flapping = [f"node {node}: {sessions.flapping[node].message}" for node in up]
    nodes = [f"node {node}: {_why_down(sessions.reports.get(node))}" for node in down]
    lists = ((nodes, "whose session is down"), (flapping, "whose session flaps"))
    parts = [shorten_sentences(named, SHOWN_NODES, noun=noun) for named, noun in lists if named]
    message = "; ".join([counts, *parts])
    if down:
        return DesiredCondition(kind, "False", Reason.SESSIONS_DOWN, message)
    reason = Reason.SESSION_FLAPPING if flapping else Reason.ALL_ESTABLISHED
    return DesiredCondition(kind, "True", reason, message)


def _why_down(report: SessionReport | None) -> str:
    if report is None:
        return "its speaker does not report"
    return report.last_error or report.state.value


def ready_condition(
    sessions: PeerSessions, accepted: DesiredCondition, established: DesiredCondition
) -> DesiredCondition:
    """Return the condition Ready of a peer: accepted, and a session on every node that wants one, which does not flap.

    A peer that only serves others as their template wants no session, so it needs none to be Ready.
    """
    flapping = established.reason is Reason.SESSION_FLAPPING
    if accepted.status == "False" or (established.status == "True" and not flapping):
        cause = accepted
    elif not sessions.nodes and sessions.is_template:
        message = "other BGPPeers use this one as their template; no node has a session with it"
        return DesiredCondition(
            ConditionType.READY, "True", Reason.USED_AS_TEMPLATE, message, accepted.observed_generation
        )
    else:
        cause = replace(established, status="False")
    generation = accepted.observed_generation
    return DesiredCondition(ConditionType.READY, cause.status, cause.reason, cause.message, generation)
