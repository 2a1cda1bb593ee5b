"""The metrics of a speaker: its sessions and its node, read at each scrape, and how long a change takes to the wire."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from exalb.announcement.adj_rib_out import SessionPlan
from exalb.announcement.drain_news import DrainNews
from exalb.announcement.planner import NodeDrain, NodePlan
from exalb.api.speaker import DrainState
from exalb.model.local_node import DataPlane
from exalb.runtime import metrics
from exalb.runtime.exposition import Family
from exalb_bfd.packet import State as BfdState
from exalb_bfd.peers import BfdSession, BfdStatus
from exalb_bgp.session import SessionStatus, State
from exalb_bgp.speaker import SpeakerStatus
from exalb_l2.goal import L2Status

PROPAGATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds."""
_SILENT = SessionStatus()


def engine(status: SpeakerStatus) -> Family:
    """Return whether the node's ExaBGP answers."""
    return metrics.ENGINE_CONNECTED.value(status.connected)


def data_plane(state: DataPlane) -> Family:
    """Return the state of the node's data plane: 1 for the state that it has, 0 for the others."""
    return metrics.DATA_PLANE.by_label({each.value: each is state for each in DataPlane})


def drain(drained: NodeDrain | None, news: Mapping[DrainNews, int]) -> Iterator[Family]:
    """Yield the state of the node's drain, 1 for the one that it has, the prefixes that it holds, and its news."""
    state = drained.step.state if drained else None
    yield metrics.DRAIN.by_label({each.value: each is state for each in DrainState})
    yield metrics.DRAIN_HELD.value(len(drained.held) if drained else 0)
    yield metrics.DRAIN_NEWS.by_label({each.value: news.get(each, 0) for each in DrainNews})


def sessions(plan: NodePlan, status: SpeakerStatus) -> Iterator[Family]:
    """Yield the metrics of each session that the node should have, also of those that cannot be opened."""
    plans = plan.sessions
    seen = {name: status.sessions.get(name, _SILENT) for name in plans}
    yield metrics.SESSION_INFO.family(_info(plans))
    yield metrics.SESSION_ESTABLISHED.by_label({name: each.state is State.ESTABLISHED for name, each in seen.items()})
    yield metrics.SESSION_TRANSITIONS.family(_transitions(seen))
    yield metrics.UPDATES_SENT.by_label({name: each.counts.updates for name, each in seen.items()})
    yield metrics.PREFIXES_WANTED.by_label({name: len(planned.rib) for name, planned in plans.items()})
    yield metrics.PREFIXES_SENT.by_label({name: each.sent for name, each in seen.items()})
    yield metrics.PREFIXES_WITHHELD.family(_withheld(plans))


def bfd(plan: NodePlan, status: BfdStatus) -> Iterator[Family]:
    """Yield the metrics of each BFD session that a peer asks for."""
    seen = {name: status.sessions.get(name, BfdSession()) for name, planned in plan.sessions.items() if planned.bfd}
    yield metrics.BFD_UP.by_label({name: each.state is BfdState.UP for name, each in seen.items()})
    yield metrics.BFD_TRANSITIONS.family(_bfd_transitions(seen))
    yield metrics.BFD_LATE.by_label({name: each.counts.late for name, each in seen.items()})
    yield metrics.BFD_DROPPED.by_label({name: each.counts.dropped for name, each in seen.items()})


def l2(status: L2Status | None) -> Iterator[Family]:
    """Yield the metrics of L2, where it is on."""
    if status:
        yield metrics.L2_CONNECTED.value(status.connected)
        yield metrics.L2_ADDRESSES.value(len(status.held))
        yield metrics.L2_CONFLICTS.value(len(status.problems))
        yield metrics.L2_ANSWERED.value(status.answered)


def _bfd_transitions(sessions: Mapping[str, BfdSession]) -> metrics.Rows:
    for name, session in sessions.items():
        yield (name, "up"), session.counts.up
        yield (name, "down"), session.counts.down


def _info(plans: Mapping[str, SessionPlan]) -> metrics.Rows:
    for name, planned in plans.items():
        if session := planned.session:
            yield (name, str(session.peer_address), str(session.peer_asn), str(session.local_asn)), 1.0


def _transitions(statuses: Mapping[str, SessionStatus]) -> metrics.Rows:
    for name, status in statuses.items():
        yield (name, "established"), status.counts.established
        yield (name, "closed"), status.counts.closed


def _withheld(plans: Mapping[str, SessionPlan]) -> metrics.Rows:
    for name, planned in plans.items():
        counts = Counter(refusal.reason.value for refusal in planned.withheld.values())
        for reason, count in sorted(counts.items()):
            yield (name, reason), count


class Propagation:
    """Measures how long a change takes until each peer has it: from `begun` to the last UPDATE that it causes."""

    def __init__(self, observe: Callable[[float], None]) -> None:
        self._observe = observe
        self._begun: dict[str, float] = {}
        """When the first change began that a peer does not have yet."""

    def planned(self, before: NodePlan | None, plan: NodePlan, status: SpeakerStatus, begun: float) -> None:
        """Note a new plan that the engine has; `status` is that right after."""
        earlier = before.sessions if before else {}
        for name, session in plan.sessions.items():
            seen = status.sessions.get(name, _SILENT)
            if earlier.get(name) is not session and not seen.settled:
                self._begun.setdefault(name, begun)

    def seen(self, status: SpeakerStatus, now: float) -> None:
        """Note what the engine reached by `now`; a session that ended ends its measurement."""
        for name, begun in list(self._begun.items()):
            seen = status.sessions.get(name, _SILENT)
            if seen.settled:
                del self._begun[name]
                if seen.state is State.ESTABLISHED:
                    self._observe(now - begun)
