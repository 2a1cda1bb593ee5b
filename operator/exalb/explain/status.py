"""Answers whether all is well in one screen: counts, and every problem once, the worst first. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from exalb.api.definitions import RESOURCES
from exalb.api.reasons import ConditionType, Finding, Reason, Refusal
from exalb.api.schema import GROUP
from exalb.api.shorten import counted
from exalb.explain import l2
from exalb.explain.answer import Step, Verdict, broken, names, note
from exalb.explain.drain import drain_steps
from exalb.explain.observed import Observed, speaker_refusal
from exalb.explain.peer import idle_peers
from exalb.explain.sessions import (
    SessionState,
    flap_steps,
    grouped,
    planned_sessions,
    session_state,
    without_services,
)
from exalb.model.cluster import Key
from exalb.report.conditions import find_condition
from exalb_bgp.session import State

_PLURALS = {item.kind: f"{item.plural}.{GROUP}" for item in RESOURCES}


@dataclass(frozen=True, slots=True)
class PoolLine:
    """How full a pool is."""

    name: str
    family: str
    assigned: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Status:
    """One screen about all of ExaLB."""

    leader: str
    speakers: tuple[int, int]
    """How many report, of how many nodes."""
    sessions: tuple[int, int]
    """How many are Established, of how many that should be."""
    prefixes: tuple[int, int]
    """How many are sent, of how many that should be, over all sessions."""
    services: tuple[int, int]
    """How many have what they request, of how many that ExaLB serves."""
    pools: tuple[PoolLine, ...]
    problems: tuple[Step, ...]
    notes: tuple[Step, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether there is no problem."""
        return not self.problems


def status(observed: Observed) -> Status:
    """Return the state of ExaLB."""
    cluster, allocation = observed.cluster, observed.allocation
    planned = planned_sessions(observed, without_services(observed))
    states = [session_state(observed, node, plan) for node, plan in planned]
    reports = [state.report for state in states if state.report]
    outcomes, silent = allocation.outcomes.values(), list(_silent(observed))
    reporting = sum(speaker_refusal(observed, node) is None for node in cluster.nodes)
    use = sorted(allocation.use.items(), key=lambda item: (item[0][0], item[0][1].value))
    return Status(
        leader=_leader(observed),
        speakers=(reporting, len(cluster.nodes)),
        sessions=(sum(report.state is State.ESTABLISHED for report in reports), len(states)),
        prefixes=(sum(item.prefixes_sent for item in reports), sum(item.prefixes_wanted for item in reports)),
        services=(sum(bool(item.addresses) and not item.refusal for item in outcomes), len(outcomes)),
        pools=tuple(PoolLine(pool, family.label, it.assigned, it.capacity) for (pool, family), it in use),
        problems=(*_problems(observed, states), *(step for step in silent if step.verdict is Verdict.BROKEN)),
        notes=(*(step for step in silent if step.verdict is Verdict.NOTE), *_notes(observed)),
    )


def _leader(observed: Observed) -> str:
    refusal = observed.leader_refusal()
    return observed.lease.unknown or (refusal.message if refusal else f"{observed.lease.holder} leads")


def _problems(observed: Observed, states: list[SessionState]) -> Iterator[Step]:
    leader = observed.leader_refusal()
    if leader:
        yield broken("Controller", leader)
    yield from _speakers(observed)
    by_bgp_alone = not observed.rules.l2_advertisements
    if not observed.cluster.peers and observed.allocation.outcomes and by_bgp_alone:
        yield broken("Peers", Refusal(Reason.NO_PEER, "there is no BGPPeer, so no node announces anything"))
    yield from idle_peers(observed)
    for finding in (*observed.rules.invalid, *observed.malformed):
        yield _finding(finding)
    faulty = [state for state in states if state.refusal and not speaker_refusal(observed, state.node)]
    for group in grouped(faulty, lambda state: state.peer):
        if group.refusal:
            message = f"{names(group.nodes)} → {group.peers[0]}: {group.refusal.message}"
            refusal = Refusal(group.refusal.reason, message)
            yield broken("Sessions", refusal, f"peer/{group.peers[0]}", nodes=group.nodes, peers=group.peers)
    yield from flap_steps(states)
    yield from l2.problems(observed)
    yield from _services(observed)


def _speakers(observed: Observed) -> Iterator[Step]:
    by_reason: dict[Reason, dict[str, Refusal]] = {}
    for node in sorted(observed.cluster.nodes):
        refusal = speaker_refusal(observed, node)
        if refusal:
            by_reason.setdefault(refusal.reason, {})[node] = refusal
    for reason, nodes in by_reason.items():
        message = next(iter(nodes.values())).message
        text = message if len(nodes) == 1 else f"{len(nodes)} nodes ({names(nodes)}), the first: {message}"
        yield broken("Speakers", Refusal(reason, text), f"node/{next(iter(nodes))}", nodes=tuple(nodes))


def _finding(finding: Finding) -> Step:
    message = f"{finding.kind} {finding.name} {finding.field}: {finding.message}"
    return broken(
        finding.kind, Refusal(finding.reason, message), f"{_PLURALS.get(finding.kind, finding.kind)}/{finding.name}"
    )


def _services(observed: Observed) -> Iterator[Step]:
    """Yield the Services without what they request, by reason, and those whose status lags behind."""
    refused = {key: item.refusal for key, item in observed.allocation.outcomes.items() if item.refusal}
    for reason, _ in Counter(refusal.reason for refusal in refused.values()).most_common():
        keys = sorted(key for key, refusal in refused.items() if refusal.reason is reason)
        message = f"{_listed(keys)}: {refused[keys[0]].message}"
        yield broken("Services", Refusal(reason, message), f"service/{keys[0].name} -n {keys[0].namespace}")
    services = observed.cluster.services
    lagging = [key for key, item in observed.allocation.outcomes.items() if services[key].held != item.addresses]
    if lagging:
        message = f"{_listed(lagging)}: the status is not written yet"
        yield broken("Services", Refusal(Reason.STATUS_OUTDATED, message))


def _listed(keys: list[Key]) -> str:
    return f"{counted(len(keys), 'Service')} ({names(map(str, sorted(keys)))})"


def _silent(observed: Observed) -> Iterator[Step]:
    """Yield the Services that no node announces: a problem, unless they have no endpoint that is ready."""
    cluster, idle, silent = observed.cluster, list[Key](), list[Key]()
    for key in observed.allocation.outcomes:
        announced = cluster.services[key].announced
        if announced and announced.status == "False":
            (silent if any(part.endpoints for part in cluster.slices.get(key, ())) else idle).append(key)
    for keys, why, make in ((silent, "", broken), (idle, ", and no endpoint of it is ready", note)):
        if keys:
            first = min(keys)
            message = f"{_listed(keys)}: no node announces an address of it{why}"
            refusal = Refusal(Reason.NOT_ANNOUNCED, message)
            about = f"service/{first.name} -n {first.namespace}"
            yield replace(make("Services", refusal, about), next=f"kubectl exalb explain {about}")


def _remarks(observed: Observed) -> Iterator[Step]:
    """Yield the annotations that have no effect, one step for each kind of mistake."""
    found: dict[Reason, list[tuple[Key, Refusal]]] = {}
    for key in sorted(observed.allocation.outcomes):
        for remark in observed.cluster.services[key].request.remarks:
            found.setdefault(remark.reason, []).append((key, remark))
    for reason, remarks in found.items():
        key, first = remarks[0]
        message = f"{names(str(key) for key, _ in remarks)}: {first.message}"
        yield note("Services", Refusal(reason, message), f"service/{key.name} -n {key.namespace}")


def _notes(observed: Observed) -> Iterator[Step]:
    """Yield what may be meant so: drains, annotations without effect, and, in one line, nodes that withhold a route."""
    yield from drain_steps(observed)
    yield from _remarks(observed)
    withholding = {
        name: report.observed.withheld for name, report in observed.cluster.speakers.items() if report.observed.withheld
    }
    if withholding:
        first = min(withholding)
        condition = find_condition(observed.cluster.speakers[first].observed.conditions, ConditionType.ALL_ANNOUNCED)
        why = condition.message if condition else ""
        verb = "node withholds" if len(withholding) == 1 else "nodes withhold"
        message = f"{len(withholding)} {verb} routes ({names(sorted(withholding))}); {first}: {why}"
        yield note("Routes", Refusal(Reason.SOME_WITHHELD, message), f"node/{first}")
