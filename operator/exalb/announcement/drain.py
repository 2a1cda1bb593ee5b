"""The drain of one node as a state machine: why it is drained, and how far. Pure; the caller gives the time.

    not drained ──cause──▶ Depreferred ──seconds, confirmed──▶ Withdrawing ──confirmed──▶ Withdrawn
         ▲                      ▲                                                             │
         └──steps──── Returning ┴──────────────────────no cause───────────────────────────────┘

The cause is read from the Node. The present step is remembered in the node's BGPSpeaker; without it, a drain starts
again with its first step, which only announces the routes for a moment more. Where a settled drain ends depends on the
present causes alone.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from exalb.announcement.returning import NO_RETURN, Depreference, ReturnPolicy, ReturnStep, return_step
from exalb.api.speaker import DrainCause, DrainReport, DrainState
from exalb.model.cluster import Node
from exalb.model.node_lifecycle import Taint

ANNOTATION = "exalb.io/drain"
FORCE, NOT = "force", "false"
"""Values of the annotation; any other value drains the node, without force."""
UNCONFIRMED_SECONDS = 2.0
"""Routes that ExaBGP does not confirm for so long as depreferred are withdrawn all the same."""


class TaintSelector(NamedTuple):
    """Taints that drain a node; an empty value or effect is any."""

    key: str
    value: str = ""
    effect: str = ""

    @classmethod
    def parse(cls, text: str) -> "TaintSelector":
        """Read `key`, `key=value`, `key:effect` or `key=value:effect`; raises ValueError."""
        rest, _, effect = text.strip().partition(":")
        key, _, value = rest.partition("=")
        if not key or effect not in ("", "NoSchedule", "PreferNoSchedule", "NoExecute"):
            raise ValueError(f"{text!r} is no taint: write key, key=value, key:NoExecute or key=value:NoExecute")
        return cls(key, value, effect)

    def matches(self, taint: Taint) -> bool:
        """Return whether a taint of a Node is one of these."""
        return taint.key == self.key and self.value in ("", taint.value) and self.effect in ("", taint.effect)


@dataclass(frozen=True, slots=True)
class DrainPolicy:
    """The settings of drains, the same on all nodes."""

    on_cordon: bool = False
    taints: tuple[TaintSelector, ...] = ()
    deprefer_seconds: float = 1.0
    """How long the routes have GRACEFUL_SHUTDOWN before they are withdrawn."""
    returning: ReturnPolicy = NO_RETURN
    """How the routes come back after a drain was undone."""


class DrainRequest(NamedTuple):
    """That a node is to be drained."""

    cause: DrainCause
    why: str
    """The cause in words."""
    forced: bool = False
    """Whether routes are withdrawn that no other node announces."""


class DrainStep(NamedTuple):
    """The step in which the drain of a node is."""

    state: DrainState
    cause: DrainCause
    since: datetime
    returning: ReturnStep | None = None
    """In the state Returning: the step of the return, at the latest after the first round."""

    @property
    def withdraws(self) -> bool:
        """Whether the routes are withdrawn in this step."""
        return self.state in (DrainState.WITHDRAWING, DrainState.WITHDRAWN)


def drain_request(node: Node, policy: DrainPolicy) -> DrainRequest | None:
    """Return why a node is to be drained, or None."""
    lifecycle, name = node.lifecycle, node.name
    if lifecycle.shutting_down:
        return DrainRequest(DrainCause.NODE_SHUTDOWN, f"the kubelet shuts node {name} down", forced=True)
    value = node.annotations.get(ANNOTATION, NOT).strip().lower()
    if value != NOT:
        return DrainRequest(DrainCause.ANNOTATION, f"node {name} has the annotation {ANNOTATION}", value == FORCE)
    taint = next((taint for taint in lifecycle.taints if any(these.matches(taint) for these in policy.taints)), None)
    if taint:
        return DrainRequest(DrainCause.TAINT, f"node {name} has the taint {taint}")
    if policy.on_cordon and lifecycle.cordoned:
        return DrainRequest(DrainCause.CORDON, f"node {name} is cordoned")
    return None


def next_step(
    step: DrainStep | None,
    request: DrainRequest | None,
    policy: DrainPolicy,
    now: datetime,
    *,
    confirmed: bool,
    forwards: bool = True,
) -> DrainStep | None:
    """Return the step in which a drain is `now`; `confirmed` is whether ExaBGP announced and withdrew as `step` wants.

    A clock that was set back must not prolong a step, so a step never begins later than now. A return begins once the
    node `forwards`: before that it announces nothing, so that the steps would pass unused.
    """
    if step and step.since > now:
        step = step._replace(since=now)
    if request is None:
        return _returning(step, policy, now, forwards=forwards)
    if step is None or step.state is DrainState.RETURNING:
        return DrainStep(DrainState.DEPREFERRED, request.cause, now)
    step = step._replace(cause=request.cause)
    if step.state is DrainState.DEPREFERRED and now >= _withdraw_at(step, policy, confirmed):
        return step._replace(state=DrainState.WITHDRAWING, since=now)
    if step.state is DrainState.WITHDRAWING and confirmed:
        return step._replace(state=DrainState.WITHDRAWN, since=now)
    return step


def _returning(step: DrainStep | None, policy: DrainPolicy, now: datetime, *, forwards: bool) -> DrainStep | None:
    if step is None or not policy.returning.timed:
        return None
    if step.state is not DrainState.RETURNING:
        if not forwards:
            return step
        step = step._replace(state=DrainState.RETURNING, since=now)
    part = return_step(policy.returning, (now - step.since).total_seconds())
    return step._replace(returning=part) if part else None


def _withdraw_at(step: DrainStep, policy: DrainPolicy, confirmed: bool) -> datetime:
    late = 0.0 if confirmed else UNCONFIRMED_SECONDS
    return step.since + timedelta(seconds=policy.deprefer_seconds + late)


def due_at(step: DrainStep | None, policy: DrainPolicy, *, confirmed: bool) -> datetime | None:
    """Return when time alone ends a step, or None."""
    if step and step.state is DrainState.DEPREFERRED:
        return _withdraw_at(step, policy, confirmed)
    if step and step.returning:
        return step.since + timedelta(seconds=step.returning.ends)
    return None


def step_of(report: DrainReport | None) -> DrainStep | None:
    """Return the step that the node's last speaker reported."""
    if report is None:
        return None
    since, part = datetime.fromisoformat(report.since), report.returning
    if part is None:
        return DrainStep(report.state, report.cause, since)
    ends = (datetime.fromisoformat(part.until) - since).total_seconds()
    how = Depreference.of_report(part.announced)
    return DrainStep(report.state, report.cause, since, ReturnStep(part.step, part.steps, how, ends))
