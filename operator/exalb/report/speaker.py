"""Decides what a speaker writes into its node's BGPSpeaker. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from exalb.announcement.adj_rib_out import Row, SessionPlan
from exalb.announcement.bfd import waits
from exalb.announcement.planner import NodePlan
from exalb.api.announced import pack, unpack
from exalb.api.reasons import ConditionType, Reason
from exalb.api.schema import MAX_ITEMS
from exalb.api.shorten import shorten_names, shorten_sentences
from exalb.api.speaker import BGPSpeakerStatus, SessionReport
from exalb.model.cluster import Cluster, Node, SpeakerReport
from exalb.model.local_node import DataPlane, LocalNode
from exalb.model.patches import API_VERSION, Changes, StatusWrite
from exalb.report.bfd import bfd_report
from exalb.report.conditions import DesiredCondition, conditions, find_condition, status_patch
from exalb.report.drain import drain_report
from exalb.report.flaps import newest_ends, reported_before
from exalb.report.heartbeats import HEARTBEAT_SECONDS
from exalb.report.l2 import l2_conditions, l2_report
from exalb.report.node_routes import NodeRoutes
from exalb.runtime.times import time_text
from exalb.validation.passwords import secret_reports
from exalb_bfd.peers import BfdStatus
from exalb_bgp.rib import Address, Prefix, is_host_route
from exalb_bgp.session import SessionStatus, State
from exalb_bgp.speaker import SpeakerStatus
from exalb_l2.goal import L2Status

NO_BFD = BfdStatus()
SHOWN_ROWS = 5
"""How many withheld routes, and how many routers that refuse a family, the condition names."""
SHOWN_PEERS = 3
"""How many peers one withheld route names."""
LONGEST_SENTENCE = 1024
"""Characters of one sentence: the API server takes 32768 for all of a condition, and 1024 for `lastError`."""

_SAME_MOMENT = timedelta(seconds=2)
"""An engine gives the age of a session in whole seconds, so a new speaker finds its begin only to about a second."""

_SENTENCE_NEEDED = (Reason.CONFLICTING_ADVERTISEMENTS, Reason.UNKNOWN_COMMUNITY, Reason.TOO_MANY_COMMUNITIES)
"""Reasons whose sentence is shown, since no other object has a condition that names all objects concerned."""

_DATA_PLANES = {state.value: state for state in DataPlane}

_IS_HEALTHY: Mapping[DataPlane, Literal["True", "False", "Unknown"]] = {
    DataPlane.UP: "True",
    DataPlane.NOT_MONITORED: "Unknown",
    DataPlane.PROBE_IGNORED: "Unknown",
    DataPlane.STARTING: "False",
    DataPlane.DOWN: "False",
}


class SpeakerReporter:
    """Finds what one speaker has to write; remembers counts of the last plan, so that a report costs what changed."""

    def __init__(self) -> None:
        self._routes = NodeRoutes()

    def changes(
        self,
        cluster: Cluster,
        plan: NodePlan,
        status: SpeakerStatus,
        now: str,
        bfd: BfdStatus = NO_BFD,
        *,
        l2: L2Status | None = None,
    ) -> Changes:
        """Return the write that brings the node's BGPSpeaker up to date, or that renews its heartbeat."""
        node = cluster.nodes.get(plan.node)
        if node is None:
            return Changes()
        self._routes.update(plan)
        report = cluster.speakers.get(plan.node)
        before = report.observed if report else BGPSpeakerStatus()
        current: Mapping[str, Any] = report.status if report else {}
        desired = _speaker_status(plan, status, cluster, before, now, routes=self._routes, bfd=bfd, l2=l2)
        desired = desired.model_copy(update={"l2": l2_report(l2, before.l2)})
        if status_patch(current, desired) is None and _is_fresh(before.heartbeat, now):
            return Changes()
        patch = status_patch(current, desired.model_copy(update={"heartbeat": now})) or {}
        version = report.resource_version if report else None
        body: dict[str, Any] = {"status": patch}
        if version:
            body["metadata"] = {"resourceVersion": version}
        create = None if report else _new_speaker(node)
        return Changes((StatusWrite("BGPSpeaker", None, plan.node, "", version, body, "merge", create),))


def speaker_changes(
    cluster: Cluster,
    plan: NodePlan,
    status: SpeakerStatus,
    now: str,
    bfd: BfdStatus = NO_BFD,
    *,
    l2: L2Status | None = None,
) -> Changes:
    """Return what a speaker has to write, without a memory."""
    return SpeakerReporter().changes(cluster, plan, status, now, bfd, l2=l2)


def _is_fresh(heartbeat: str | None, now: str) -> bool:
    if heartbeat is None:
        return False
    age = datetime.fromisoformat(now) - datetime.fromisoformat(heartbeat)
    return abs(age) < timedelta(seconds=HEARTBEAT_SECONDS)


def _new_speaker(node: Node) -> dict[str, Any]:
    owner = {"apiVersion": "v1", "kind": "Node", "name": node.name, "uid": node.uid}
    metadata = {"name": node.name, "ownerReferences": [owner]}
    return {"apiVersion": API_VERSION, "kind": "BGPSpeaker", "metadata": metadata}


def data_plane_before(report: SpeakerReport | None) -> DataPlane | None:
    """Return the data plane's state that the node's last speaker reported."""
    condition = report and find_condition(report.observed.conditions, ConditionType.DATA_PLANE_HEALTHY)
    return _DATA_PLANES.get(condition.reason) if condition else None


def _speaker_status(
    plan: NodePlan,
    status: SpeakerStatus,
    cluster: Cluster,
    before: BGPSpeakerStatus,
    now: str,
    *,
    routes: NodeRoutes,
    bfd: BfdStatus,
    l2: L2Status | None,
) -> BGPSpeakerStatus:
    earlier = reported_before(before, now)
    sessions = [
        _session(session, routes, status.sessions.get(name, SessionStatus()), earlier.get(name), bfd)
        for name, session in sorted(plan.sessions.items())
    ]
    established = sum(session.state is State.ESTABLISHED for session in sessions)
    desired = [_ready(status), _data_plane(cluster.host), _all_announced(routes, plan, status)]
    desired += l2_conditions(l2, cluster.host)
    return BGPSpeakerStatus(
        sessions=tuple(sessions[:MAX_ITEMS]),
        established=established,
        wanted=len(sessions),
        summary=f"{established}/{len(sessions)}",
        prefixes=routes.prefixes,
        withheld=len(routes.withheld) - routes.partly,
        partly_withheld=routes.partly,
        heartbeat=before.heartbeat,
        drain=drain_report(plan.node, plan.drain),
        unusable_secrets=secret_reports(cluster),
        conditions=conditions(before.conditions, desired, now),
    )


def _ready(status: SpeakerStatus) -> DesiredCondition:
    if status.connected:
        return DesiredCondition(ConditionType.READY, "True", Reason.ENGINE_CONNECTED)
    message = "the node's ExaBGP does not answer: see the log of the container bgp"
    return DesiredCondition(ConditionType.READY, "False", Reason.ENGINE_NOT_CONNECTED, message)


def _data_plane(host: LocalNode) -> DesiredCondition:
    healthy = _IS_HEALTHY[host.data_plane]
    return DesiredCondition(ConditionType.DATA_PLANE_HEALTHY, healthy, Reason(host.data_plane.value), host.why)


def _all_announced(routes: NodeRoutes, plan: NodePlan, status: SpeakerStatus) -> DesiredCondition:
    """Name the first routes that are withheld, by Service and prefix, so that equal causes give an equal message.

    With Local traffic some always are, on nodes without endpoints. Families that routers refuse come first, since no
    Service can change that.
    """
    refused, withheld = _refused_families(plan, routes, status), routes.withheld
    if not withheld and not refused:
        return DesiredCondition(ConditionType.ALL_ANNOUNCED, "True", Reason.NOTHING_WITHHELD)
    rows = [f"{row[0]} {_short(row[1])}: {_why_withheld(row, plan)}" for row in withheld[:SHOWN_ROWS]]
    named = [shorten_sentences(rows, SHOWN_ROWS, total=len(withheld))] if rows else []
    message = "; ".join(refused[:SHOWN_ROWS] + named)
    return DesiredCondition(ConditionType.ALL_ANNOUNCED, "False", Reason.SOME_WITHHELD, message)


def _refused_families(plan: NodePlan, routes: NodeRoutes, status: SpeakerStatus) -> list[str]:
    """Return a sentence for each router that does not take prefixes of a family that should be announced to it."""
    sentences = {
        name: _not_negotiated(session, routes, status.sessions.get(name))
        for name, session in sorted(plan.sessions.items())
    }
    return [f"BGPPeer {name}: {why}" for name, why in sentences.items() if why and plan.sessions[name].rib]


def _short(prefix: Prefix) -> Address | Prefix:
    """Return a host route as the address."""
    return prefix.network_address if is_host_route(prefix) else prefix


def _why_withheld(row: Row, plan: NodePlan) -> str:
    peers: dict[tuple[str, str], list[str]] = {}
    for name, session in sorted(plan.sessions.items()):
        if row in session.withheld:
            refusal = session.withheld[row]
            sentence = f": {refusal.message[:LONGEST_SENTENCE]}" if refusal.reason in _SENTENCE_NEEDED else ""
            peers.setdefault((refusal.reason.value, sentence), []).append(name)
    causes = sorted((reason, names, sentence) for (reason, sentence), names in peers.items())
    texts = [f"{reason} (BGPPeer {shorten_names(names, SHOWN_PEERS)}{sentence})" for reason, names, sentence in causes]
    return shorten_names(texts, SHOWN_PEERS)


def _session(
    plan: SessionPlan,
    routes: NodeRoutes,
    status: SessionStatus,
    before: SessionReport | None,
    bfd: BfdStatus,
) -> SessionReport:
    session = plan.session
    error = status.last_error or _not_negotiated(plan, routes, status)
    if session is None:
        error = plan.refusal.message if plan.refusal else ""
    seen = bfd_report(plan, bfd, before.bfd if before else None)
    if seen and waits(plan, bfd):
        error = seen.message
    # The ends of a session with another router say nothing of this one; without a session the address is not known.
    same = before if before and (session is None or before.peer_address in (None, str(session.peer_address))) else None
    why = status.counts.why if status.counts.ends else (same and same.ended_because) or ""
    return SessionReport(
        peer=plan.peer,
        peer_address=str(session.peer_address) if session else None,
        local_asn=session.local_asn if session else None,
        peer_asn=session.peer_asn if session else None,
        state=status.state,
        since=_since(status.since, status.state, before) if session and status.since else None,
        prefixes_wanted=len(plan.rib),
        prefixes_sent=status.sent,
        announced=_announced(plan, routes, status, before),
        bfd=seen,
        last_error=None if error is None else error[:LONGEST_SENTENCE],
        ended=newest_ends(status.counts, same),
        ended_because=why[:LONGEST_SENTENCE] or None,
    )


def _announced(
    plan: SessionPlan, routes: NodeRoutes, status: SessionStatus, before: SessionReport | None
) -> tuple[str, ...] | None:
    """Return the prefixes that the peer has, packed; None if they are not known.

    While too many are not sent, those of the report before that are still wanted count.
    """
    if status.state is not State.ESTABLISHED:
        return ()
    if status.unsent is not None:
        return routes.packed(plan.peer, status.unsent)
    earlier = unpack(before.announced) if before and before.announced is not None else None
    return pack(prefix for prefix in plan.rib if prefix.network_address in earlier) if earlier else None


def _not_negotiated(plan: SessionPlan, routes: NodeRoutes, status: SessionStatus | None) -> str | None:
    """Say what the router did not agree to in an Established session, and that those routes are withheld."""
    session = plan.session
    if session is None or status is None or status.state is not State.ESTABLISHED:
        return None
    lacking = (session.families - status.families) & routes.families(plan.peer)
    if lacking:
        names = " and ".join(sorted(family.label for family in lacking))
        return (
            f"the peer did not negotiate {names} unicast, so {names} prefixes are withheld: activate the address family"
            " for this neighbor on the router, or remove it from the BGPPeer's families"
        )
    if session.extended_next_hop and not status.extended_next_hop:
        return (
            "the peer did not negotiate IPv6 next hops for IPv4 prefixes (RFC 8950), so IPv4 prefixes are withheld:"
            " enable extended next hop encoding for this neighbor on the router, or remove extendedNextHop"
        )
    return None


def _since(moment: datetime, state: State, before: SessionReport | None) -> str:
    """Return when the session entered its state: the time reported before where it is about the same."""
    earlier = before.since if before and before.state is state else None
    if earlier and abs(datetime.fromisoformat(earlier) - moment) <= _SAME_MOMENT:
        return earlier
    return time_text(moment)
