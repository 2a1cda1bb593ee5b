"""The state of one session: whether the routes of its node's plan are on the wire. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple, TypeVar

from exalb.announcement.adj_rib_out import SessionPlan
from exalb.api.reasons import Reason, Refusal
from exalb.api.speaker import SessionReport
from exalb.explain.answer import Step, broken, names, since_words
from exalb.explain.observed import Observed, speaker_refusal
from exalb.model.cluster import Cluster
from exalb.report.flaps import flap_of
from exalb_bgp.session import State

Item = TypeVar("Item")


class SessionState(NamedTuple):
    """One session, as its speaker reports it."""

    node: str
    peer: str
    report: SessionReport | None
    refusal: Refusal | None
    """Why not all of its prefixes are with the router."""
    flap: Refusal | None = None
    """The finding that it goes down again and again, also where all is with the router at this moment."""

    @property
    def is_up(self) -> bool:
        """Whether its speaker reports it as Established."""
        return self.report is not None and self.report.state is State.ESTABLISHED

    @property
    def since(self) -> str:
        """When the session entered its state, or nothing."""
        return (self.report and self.report.since) or ""


def planned_sessions(observed: Observed, services: Cluster | None = None) -> Iterator[tuple[str, SessionPlan]]:
    """Yield the sessions of each node's plan, with the node; `services` has the Services to plan, without it all."""
    for node in sorted(observed.cluster.nodes):
        for _, plan in sorted(observed.plan(node, services).sessions.items()):
            yield node, plan


def without_services(observed: Observed) -> Cluster:
    """Return the cluster without Services: no Service is needed to know the sessions."""
    return replace(observed.cluster, services={}, slices={})


def session_state(observed: Observed, node: str, plan: SessionPlan) -> SessionState:
    """Return the state of a session of the node's plan."""
    speaker = observed.cluster.speakers.get(node)
    reports = speaker.observed.sessions if speaker else ()
    report = next((session for session in reports if session.peer == plan.peer), None)
    unknown = speaker_refusal(observed, node) or plan.refusal
    flap = flap_of(speaker.observed, report) if speaker and report and not unknown else None
    return SessionState(node, plan.peer, report, unknown or _refusal(report), flap)


def _refusal(report: SessionReport | None) -> Refusal | None:
    if report is None:
        return Refusal(Reason.NOT_SENT, "the speaker does not report this session yet")
    if report.state is not State.ESTABLISHED:
        why = report.last_error or "no error is known yet"
        return Refusal(Reason.SESSIONS_DOWN, f"the session is {report.state.value}: {why}")
    if report.prefixes_sent < report.prefixes_wanted:
        why = f": {report.last_error}" if report.last_error else ""
        sent = f"{report.prefixes_sent} of {report.prefixes_wanted} prefixes are sent"
        return Refusal(Reason.NOT_SENT, f"{sent}{why}")
    return None


class Group(NamedTuple):
    """Nodes and peers that have one state for one reason."""

    refusal: Refusal | None
    nodes: tuple[str, ...]
    peers: tuple[str, ...]
    since: str
    """The latest time since when it is so."""


def flap_steps(states: Iterable[SessionState]) -> Iterator[Step]:
    """Yield a step for each peer and each cause for which sessions go down again and again.

    Since when they are Established again says whether that seems to be over.
    """
    found: dict[tuple[str, Refusal], dict[str, SessionState]] = {}
    for state in states:
        if state.flap:
            found.setdefault((state.peer, state.flap), {})[state.node] = state
    for (peer, flap), of_nodes in found.items():
        are_up = all(state.is_up for state in of_nodes.values())
        since = max(state.since for state in of_nodes.values()) if are_up else ""
        again = f"; Established again{since_words(since)}" if since else ""
        refusal = replace(flap, message=f"{names(of_nodes)} → {peer}: {flap.message}{again}")
        yield broken("Sessions", refusal, f"peer/{peer}", nodes=tuple(of_nodes), peers=(peer,))


def grouped(states: Iterable[SessionState], about: Callable[[SessionState], object] = lambda _: None) -> list[Group]:
    """Group sessions whose reasons differ by the node's name or last heartbeat alone, in order of their first node."""
    groups: dict[object, list[SessionState]] = {}
    for state in states:
        groups.setdefault((about(state), _pattern(state)), []).append(state)
    return [_group(members) for members in groups.values()]


def _pattern(state: SessionState) -> tuple[str, str]:
    if state.refusal is None:
        return "", state.peer
    if state.refusal.reason is Reason.SPEAKER_NOT_REPORTING:
        return state.refusal.reason.value, ""  # the time of the last heartbeat differs between nodes
    return state.refusal.reason.value, state.refusal.message.replace(f"node {state.node}", "node")


def _group(members: list[SessionState]) -> Group:
    return Group(
        members[0].refusal,
        tuple(dict.fromkeys(state.node for state in members)),
        tuple(dict.fromkeys(state.peer for state in members)),
        max(state.since for state in members),
    )
