"""Where else a person or a program sees the reason of a broken situation: conditions, events, metrics and the web page.

All of it is made by the functions that the programs call: a controller that saw the cluster while all was well and then
in this situation, the speaker of a node, and the page.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any, NamedTuple

from exalb.api.reasons import ConditionType, Reason
from exalb.api.speaker import BGPSpeakerStatus, is_stale
from exalb.api.status import parse_status
from exalb.explain.observed import Observed, host_of
from exalb.model.cluster import Cluster, ConditionState, Key, Service, SpeakerReport
from exalb.model.kinds import SERVICE
from exalb.model.parse_core import CONDITION, RECORD
from exalb.model.patches import Changes
from exalb.programs import controller_metrics, speaker_metrics
from exalb.report.controller import ControllerReporter
from exalb.report.heartbeats import SILENT_SECONDS
from exalb.report.speaker import speaker_changes
from exalb.runtime import metrics
from exalb.runtime.exposition import Family
from exalb.web.view import overview
from exalb_bgp.session import FAMILIES, KEPT_ENDS, SessionCounts, SessionStatus
from exalb_bgp.speaker import SpeakerStatus
from exalb_l2.goal import L2Status, Problem
from tests.support.observing import NOW

NODE = "n1"
ANNOUNCED = ConditionState("True", Reason.ANNOUNCED.value, "announced by 1 node to 1 peer")
UP: Mapping[str, Any] = {"established": 1, "wanted": 1}
"""The status of a BGPPeer while all was well."""
STATES: Mapping[str, tuple[Reason, bool]] = {
    metrics.SESSION_ESTABLISHED.name: (Reason.SESSIONS_DOWN, False),
    metrics.ENGINE_CONNECTED.name: (Reason.ENGINE_NOT_CONNECTED, False),
    metrics.SPEAKERS_SILENT.name: (Reason.SPEAKER_NOT_REPORTING, True),
    metrics.L2_CONFLICTS.name: (Reason.ADDRESS_CONFLICT, True),
    metrics.SERVICES_NOT_ANNOUNCED.name: (Reason.NOT_ANNOUNCED, True),
}
"""Metrics that show a reason by their value alone: 0 shows it, or all others."""


class Said(NamedTuple):
    """The words of one place."""

    place: str
    """Such as `condition Ready`, `event on BGPPeer`, `metric exalb_services` or `page Status`."""
    reason: str
    """Its reason; of a metric the value of that label."""
    text: str


def surfaces(seen: Observed, reason: str, status: SpeakerStatus | None = None) -> frozenset[str]:
    """Return the places that have the reason, or a word of their message, where it is about several things.

    `status` is what the engine of the node says; without it, as the node's BGPSpeaker says.
    """
    word = re.compile(rf"\b{re.escape(reason)}\b")
    return _places(seen, reason, status, lambda said: bool(word.search(f"{said.reason} {said.text}")))


def reasons(seen: Observed, reason: str) -> frozenset[str]:
    """Return the places that have it as their reason."""
    return _places(seen, reason, None, lambda said: said.reason == reason)


def _places(seen: Observed, reason: str, status: SpeakerStatus | None, has: Callable[[Said], bool]) -> frozenset[str]:
    found = status or _status(seen.cluster.speakers.get(NODE))
    reported = replace(seen, cluster=_reported(seen, found))
    places = {said.place for said in _texts(reported, found) if has(said)}
    return frozenset(places | set(_states(reported, reason, found)))


def _reported(seen: Observed, status: SpeakerStatus | None) -> Cluster:
    """Return the cluster with the report that the speaker of the node writes now."""
    cluster, report = seen.cluster, seen.cluster.speakers.get(NODE)
    if status is None or report is None or report.observed.l2 or seen.plan(NODE).sessions.keys() - status.sessions:
        return cluster
    local = replace(cluster, host=host_of(cluster, NODE))
    after = dict(report.status)
    for write in speaker_changes(local, seen.plan(NODE), status, seen.now.isoformat()).writes:
        after |= {name: value for name, value in write.body["status"].items() if name != "heartbeat"}
    written = replace(report, status=after, observed=parse_status(BGPSpeakerStatus, after))
    return replace(cluster, speakers={**cluster.speakers, NODE: written})


def _status(report: SpeakerReport | None) -> SpeakerStatus | None:
    """Return the status of an engine as its speaker reported it; None where no speaker reports."""
    if report is None or is_stale(report.observed):
        return None
    connected = not any(entry.reason == Reason.ENGINE_NOT_CONNECTED.value for entry in report.observed.conditions)
    sessions = {
        session.peer: SessionStatus(
            session.state,
            families=frozenset() if "did not negotiate" in (session.last_error or "") else frozenset(FAMILIES.values()),
            sent=session.prefixes_sent,
            unsent=frozenset() if session.prefixes_sent >= session.prefixes_wanted else None,
            last_error=session.last_error,
            counts=SessionCounts(
                closed=len(session.ended or ()),
                ends=tuple(map(datetime.fromisoformat, session.ended or ())),
                why=session.ended_because or "",
            ),
        )
        for session in report.observed.sessions
    }
    return SpeakerStatus(connected, sessions)


def _texts(seen: Observed, status: SpeakerStatus | None) -> Iterator[Said]:
    """Yield all that the programs write and count about a cluster."""
    changes, _ = _controller(seen)
    yield from _changes(changes)
    yield from _page(
        replace(seen, cluster=replace(seen.cluster, services=_with_services(_before(seen.cluster), changes).services))
    )
    for raw in seen.cluster.speakers.values():
        yield from (Said(f"condition {entry.type}", entry.reason, entry.message) for entry in raw.observed.conditions)
    for sample in (sample for family in _families(seen, status) for sample in family.samples):
        if sample.value:
            reason = sample.labels.get("reason") or sample.labels.get("state", "")
            yield Said(f"metric {sample.name}", reason, " ".join(sample.labels.values()))


def _controller(seen: Observed) -> tuple[Changes, int]:
    """Return what a controller writes that sees the cluster well, then as it is, and again long after that.

    Also the number of Services that it then counts as announced by none.
    """
    if seen.leader_refusal():
        return Changes(), 0
    reporter, cluster, now = ControllerReporter(), _before(seen.cluster), NOW.isoformat()
    first = reporter.changes(_calm(cluster), seen.rules, seen.allocation, now)
    found = [first]
    for seconds in (100.0, 200.0):
        cluster = _with_services(cluster, found[-1])
        found.append(reporter.changes(cluster, seen.rules, seen.allocation, now, silent=_silent(seen), seconds=seconds))
    writes = tuple(write for one in found for write in one.writes)
    return Changes(writes, tuple(event for one in found for event in one.events)), reporter.not_announced


def _before(cluster: Cluster) -> Cluster:
    """Return the cluster with what a controller wrote while all was well: sessions, and Services that are announced."""
    services = {key: replace(one, announced=ANNOUNCED) if one.held else one for key, one in cluster.services.items()}
    peers = {name: replace(one, status={**UP, **one.status}) for name, one in cluster.peers.items()}
    speakers = {name: _unmarked(one) for name, one in cluster.speakers.items()}
    return replace(cluster, services=services, peers=peers, speakers=speakers)


def _unmarked(report: SpeakerReport) -> SpeakerReport:
    """Return a report without the mark of the controller that it is stale."""
    mark = Reason.SPEAKER_NOT_REPORTING.value
    left = tuple(entry for entry in report.observed.conditions if entry.reason != mark)
    return replace(report, observed=report.observed.model_copy(update={"conditions": left}))


def _calm(cluster: Cluster) -> Cluster:
    """Return the cluster as it was before a host took an address on a LAN."""
    speakers = {}
    for name, report in cluster.speakers.items():
        calm = report.observed.l2 and report.observed.l2.model_copy(update={"conflicts": ()})
        speakers[name] = replace(report, observed=report.observed.model_copy(update={"l2": calm}))
    return replace(cluster, speakers=speakers)


def _with_services(cluster: Cluster, changes: Changes) -> Cluster:
    """Return the cluster with the conditions that a controller wrote on Services."""
    services = dict(cluster.services)
    for write in changes.writes:
        for entry in write.body["status"].get("conditions", ()) if write.kind == SERVICE.name else ():
            if "reason" in entry:
                key = Key(write.namespace or "", write.name)
                services[key] = _with_condition(services[key], entry)
    return replace(cluster, services=services)


def _with_condition(service: Service, entry: Mapping[str, str]) -> Service:
    said = ConditionState(entry["status"], entry["reason"], entry["message"])
    if entry["type"] == CONDITION:
        return replace(service, condition=said)
    if entry["type"] == RECORD:
        return replace(service, record=said)
    return replace(service, announced=said) if entry["type"] == ConditionType.ANNOUNCED.value else service


def _silent(seen: Observed) -> frozenset[str]:
    """Return the speakers that a controller would find silent."""
    limit = seen.now - timedelta(seconds=SILENT_SECONDS)
    beats = {name: report.observed.heartbeat for name, report in seen.cluster.speakers.items()}
    return frozenset(name for name, beat in beats.items() if beat and datetime.fromisoformat(beat) < limit)


def _changes(changes: Changes) -> Iterator[Said]:
    for write in changes.writes:
        for entry in write.body["status"].get("conditions", ()):
            if "reason" in entry:
                yield Said(f"condition {entry['type']}", entry["reason"], entry.get("message", ""))
    yield from (Said(f"event on {event.kind}", event.reason, event.message) for event in changes.events)


def _families(seen: Observed, status: SpeakerStatus | None) -> Iterator[Family]:
    """Yield the metrics of the controller, and of the speaker of the node where it reports."""
    if not seen.leader_refusal():
        yield from controller_metrics.decisions(seen.cluster, seen.rules, seen.allocation)
        yield metrics.SPEAKERS_SILENT.value(float(len(_silent(seen))))
        yield metrics.SERVICES_NOT_ANNOUNCED.value(float(_controller(seen)[1]))
    if status:
        yield speaker_metrics.engine(status)
        yield speaker_metrics.data_plane(host_of(seen.cluster, NODE).data_plane)
        yield from speaker_metrics.sessions(seen.plan(NODE), status)
        yield from speaker_metrics.l2(_lan(seen.cluster.speakers[NODE].observed))


def _lan(report: BGPSpeakerStatus) -> L2Status | None:
    """Return the status of the L2 process of a node as its speaker reported it."""
    if report.l2 is None:
        return None
    problems = {ip_address(one.address): Problem(one.mac, one.node) for one in report.l2.conflicts}
    return L2Status(report.l2.connected, problems=problems)


def _states(seen: Observed, reason: str, status: SpeakerStatus | None) -> Iterator[str]:
    """Yield the metrics that show the reason by their values."""
    families = list(_families(seen, status))
    values = {family.name: [sample.value for sample in family.samples] for family in families}
    flaps = metrics.SESSION_TRANSITIONS.name
    closed = [s.value for one in families if one.name == flaps for s in one.samples if s.labels["to"] == "closed"]
    if reason == Reason.SESSION_FLAPPING.value and max(closed, default=0) >= KEPT_ENDS:
        yield f"metric {flaps}"
    for name, (shows, when) in STATES.items():
        if shows.value == reason and any(bool(value) is when for value in values.get(name, ())):
            yield f"metric {name}"
    sent, wanted = (values.get(metric.name, []) for metric in (metrics.PREFIXES_SENT, metrics.PREFIXES_WANTED))
    if reason == Reason.NOT_SENT.value and any(one < other for one, other in zip(sent, wanted, strict=True)):
        yield f"metric {metrics.PREFIXES_SENT.name}"


def _page(seen: Observed) -> Iterator[Said]:
    """Yield what each part of the page shows before anybody asks."""
    shown = overview(seen)
    for step in (*shown["status"]["problems"], *shown["status"]["notes"]):
        yield Said("page Status", step["reason"], step["message"])
    for row in shown["services"]:
        yield Said("page Services", row["reason"], row["message"])
    for row in shown["peers"]:
        reason, _, message = (row["error"] or "").partition(": ")
        yield Said("page Sessions", reason, message)
