"""What the controller and the speakers tell the API server. Pure: plan and observation in, writes and events out."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from heapq import nsmallest
from typing import Any, Literal

from exalb.allocation import Allocation, PoolUse
from exalb.cluster import Cluster, Key, Node, SpeakerReport
from exalb.effects import in_vain, in_vain_now
from exalb.host import DataPlane, Host
from exalb.overrides import Hearing
from exalb.peering import FAMILY_NAMES, NAMED
from exalb.reasons import Invalid, Reason
from exalb.report_resources import TOLD, resource_changes
from exalb.report_services import ServiceReporter
from exalb.routes import NodePlan
from exalb.session_table import SessionPlan, row_order
from exalb.validity import InForce, in_force
from exalb.writes import API_VERSION, READY, Changes, StatusWrite, Wanted, conditions, status_patch
from exalb_bgp.rib import Address, Prefix
from exalb_bgp.session import Family, SessionStatus, State
from exalb_bgp.speaker import SpeakerStatus

_SAME_MOMENT = timedelta(seconds=2)
"""An engine tells the age of a session in whole seconds: a new speaker finds its beginning only about there."""
_RULES = ("pools", "peers", "advertisements", "communities", "nodes", "secrets", "service_ranges")


DATA_PLANE = "DataPlaneHealthy"
"""The condition of a BGPSpeaker that says whether its node forwards traffic for Services."""
ALL_ANNOUNCED = "AllAnnounced"
"""The condition of a BGPSpeaker that says what its node withholds from whom, and why."""
_TOLD_NOWHERE_ELSE = (Reason.CONFLICTING_ADVERTISEMENTS, Reason.UNKNOWN_COMMUNITY)
"""The reasons whose sentence is told: no other object has a condition that names all who have a part in it."""
_LONGEST_SENTENCE = 1024
"""How much of a sentence a condition has room for, in characters: the API server takes 32768 for all of it."""
_DATA_PLANES = {state.value: state for state in DataPlane}
_IS_HEALTHY: Mapping[DataPlane, Literal["True", "Unknown"]] = {
    DataPlane.UP: "True",
    DataPlane.UNWATCHED: "Unknown",
    DataPlane.IGNORED: "Unknown",
}


class ControllerReporter:
    """Finds what the controller has to write; remembers what was right already."""

    def __init__(self) -> None:
        self._services = ServiceReporter()
        self._last: Cluster | None = None
        self._in_force = InForce((), (), (), {}, ())
        self._hearing = Hearing(Cluster(), self._in_force)
        self._by_rules: tuple[Invalid, ...] = ()
        """What is asked for in vain whatever the Services."""
        self._vain: tuple[Invalid, ...] = ()
        self._use: Mapping[tuple[str, Family], PoolUse] = {}
        self._resources = Changes()

    def changes(self, cluster: Cluster, allocation: Allocation, now: str) -> Changes:
        """Return the writes and events that bring the API server to what is; `now` is RFC 3339, UTC."""
        last, self._last = self._last, cluster
        rules_stand = last is not None and all(getattr(last, kind) is getattr(cluster, kind) for kind in _RULES)
        if not rules_stand:
            self._in_force = in_force(cluster)
            self._hearing = Hearing(cluster, self._in_force)
            self._by_rules = tuple(in_vain(cluster, self._in_force))
        services = self._services.changes(cluster, allocation, self._hearing, now)
        vain, use = (*self._by_rules, *in_vain_now(cluster, self._in_force)), allocation.use
        stands = rules_stand and last is not None and last.speakers is cluster.speakers
        if not stands or (use, vain) != (self._use, self._vain) or self._resources.writes:
            self._use, self._vain = use, vain
            self._resources = resource_changes(cluster, self._in_force, vain, allocation, now)
        return Changes(services.writes + self._resources.writes, services.events + self._resources.events)


def speaker_changes(cluster: Cluster, plan: NodePlan, status: SpeakerStatus, now: str) -> Changes:
    """Return the write that brings the node's BGPSpeaker to what its speaker sees."""
    node = cluster.nodes.get(plan.node)
    if node is None:
        return Changes()
    report = cluster.speakers.get(plan.node)
    current: Mapping[str, Any] = report.status if report else {}
    wanted = _speaker_status(plan, status, cluster.host, current, now)
    patch = status_patch(current, wanted)
    if patch is None:
        return Changes()
    version = report.resource_version if report else None
    body: dict[str, Any] = {"status": patch}
    if version:
        body["metadata"] = {"resourceVersion": version}
    create = None if report else _new_speaker(node)
    return Changes((StatusWrite("BGPSpeaker", None, plan.node, "", version, body, "merge", create),))


def _new_speaker(node: Node) -> dict[str, Any]:
    owner = {"apiVersion": "v1", "kind": "Node", "name": node.name, "uid": node.uid}
    metadata = {"name": node.name, "ownerReferences": [owner]}
    return {"apiVersion": API_VERSION, "kind": "BGPSpeaker", "metadata": metadata}


def data_plane_before(report: SpeakerReport | None) -> DataPlane | None:
    """Return what the last speaker of a node said of its data plane, as its BGPSpeaker has it."""
    for condition in report.status.get("conditions") or () if report else ():
        if condition.get("type") == DATA_PLANE and condition.get("reason") in _DATA_PLANES:
            return _DATA_PLANES[condition["reason"]]
    return None


def _speaker_status(
    plan: NodePlan, status: SpeakerStatus, host: Host, current: Mapping[str, Any], now: str
) -> dict[str, Any]:
    before = {session["peer"]: session for session in current.get("sessions") or ()}
    sessions = [
        _session(name, one, status.sessions.get(name, SessionStatus()), before.get(name, {}))
        for name, one in sorted(plan.sessions.items())
    ]
    up = sum(1 for session in sessions if session["state"] == State.ESTABLISHED.value)
    prefixes = {prefix for one in plan.sessions.values() for prefix in one.rib}
    withheld = {key for one in plan.sessions.values() for key in one.withheld}
    wanted = [_ready(status), _data_plane(host), _announced(withheld, plan, status)]
    return {
        "sessions": sessions,
        "established": up,
        "wanted": len(sessions),
        "summary": f"{up}/{len(sessions)}",
        "prefixes": len(prefixes),
        "withheld": len(withheld),
        "conditions": conditions(current.get("conditions") or (), wanted, now),
    }


def _ready(status: SpeakerStatus) -> Wanted:
    if status.connected:
        return Wanted(READY, "True", "EngineConnected")
    return Wanted(READY, "False", "EngineNotConnected", "the BGP engine of this node does not answer: see its log")


def _data_plane(host: Host) -> Wanted:
    return Wanted(DATA_PLANE, _IS_HEALTHY.get(host.data_plane, "False"), host.data_plane.value, host.why)


def _announced(withheld: set[tuple[Key, Prefix]], plan: NodePlan, status: SpeakerStatus) -> Wanted:
    """Tell of the first few by Service and prefix: the same words as long as these are withheld for the same reasons.

    Under Local traffic it is the rule that some are, on nodes without endpoints of theirs. Before them stands what no
    Service can help: what routers do not take.
    """
    refused = _not_taken(plan, status)
    if not withheld and not refused:
        return Wanted(ALL_ANNOUNCED, "True", "NothingWithheld")
    first = nsmallest(TOLD, withheld, key=row_order)
    more = f"; and {len(withheld) - TOLD} more" if len(withheld) > TOLD else ""
    rows = [f"{key} {_short(prefix)}: {_why_withheld((key, prefix), plan)}" for key, prefix in first]
    return Wanted(ALL_ANNOUNCED, "False", "SomeWithheld", "; ".join(refused[:TOLD] + rows) + more)


def _not_taken(plan: NodePlan, status: SpeakerStatus) -> list[str]:
    """Say which routers take no prefixes of a family that is wanted of them."""
    refused = {name: _refused(one, status.sessions.get(name)) for name, one in sorted(plan.sessions.items())}
    return [f"BGPPeer {name}: {why}" for name, why in refused.items() if why and plan.sessions[name].rib]


def _short(prefix: Prefix) -> Address | Prefix:
    """Return a host route as the address, as people know it."""
    return prefix.network_address if prefix.num_addresses == 1 else prefix


def _why_withheld(held: tuple[Key, Prefix], plan: NodePlan) -> str:
    peers: dict[tuple[str, str], list[str]] = {}
    for name, session in sorted(plan.sessions.items()):
        if held in session.withheld:
            refusal = session.withheld[held]
            sentence = f": {refusal.message[:_LONGEST_SENTENCE]}" if refusal.reason in _TOLD_NOWHERE_ELSE else ""
            peers.setdefault((refusal.reason.value, sentence), []).append(name)
    found = sorted((reason, names, says) for (reason, says), names in peers.items())
    return _few([f"{reason} (BGPPeer {_few(names)}{says})" for reason, names, says in found])


def _few(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _session(name: str, plan: SessionPlan, status: SessionStatus, before: Mapping[str, Any]) -> dict[str, Any]:
    session = plan.session
    told: dict[str, Any] = {
        "peer": name,
        "state": status.state.value,
        "prefixesWanted": len(plan.rib),
        "prefixesSent": status.sent,
    }
    if session is None:
        return told | {"lastError": plan.refusal.message[:1024] if plan.refusal else ""}
    told |= {
        "peerAddress": str(session.peer_address),
        "localASN": session.local_asn,
        "peerASN": session.peer_asn,
    }
    if status.since:
        told["since"] = _since(status.since, before.get("since") if before.get("state") == told["state"] else None)
    error = status.last_error or _refused(plan, status)
    return told | {"lastError": error[:1024]} if error else told


def _refused(plan: SessionPlan, status: SessionStatus | None) -> str | None:
    """Say what the router did not agree to in an Established session, and what comes of it."""
    session = plan.session
    if session is None or status is None or status.state is not State.ESTABLISHED:
        return None
    lacking = session.families - status.families
    if lacking := lacking and lacking.intersection(map(Family.of, plan.rib)):
        names = " and ".join(sorted(FAMILY_NAMES[family] for family in lacking))
        return (
            f"the router takes no {names} prefixes in this session, so these are held back:"
            " have it activate the family for this neighbour, or leave it out of the peer's families"
        )
    if session.extended_next_hop and not status.extended_next_hop:
        return "the router takes no IPv6 next hops for IPv4 prefixes (RFC 8950), so these are held back"
    return None


def _since(moment: datetime, before: str | None) -> str:
    if before and abs(datetime.fromisoformat(before) - moment) <= _SAME_MOMENT:
        return before
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
