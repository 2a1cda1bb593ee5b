"""Decides what a speaker reports about the drain of its node. Pure."""

from datetime import timedelta

from exalb.announcement.drain import ANNOTATION, FORCE, DrainStep
from exalb.announcement.planner import NodeDrain
from exalb.api.shorten import counted, shorten_names
from exalb.api.speaker import DrainReport, DrainState, ReturnReport
from exalb.runtime.times import time_text

SHOWN_SERVICES = 5
"""How many Services the message names."""


def drain_report(node: str, drain: NodeDrain | None) -> DrainReport | None:
    """Return the drain of a node as its BGPSpeaker shows it."""
    if drain is None:
        return None
    step = drain.step
    return DrainReport(
        state=step.state,
        cause=step.cause,
        since=time_text(step.since),
        held=len(drain.held),
        undone=drain.undone,
        returning=_return_report(step),
        message=drain_message(node, drain)[:1024],
    )


def _return_report(step: DrainStep) -> ReturnReport | None:
    part = step.returning
    if part is None:
        return None
    until = time_text(step.since + timedelta(seconds=part.ends))
    return ReturnReport(step=part.number, steps=part.steps, announced=str(part.how), until=until)


def drain_message(node: str, drain: NodeDrain) -> str:
    """Say which Services have no other node, or what the return waits for."""
    if drain.undone and drain.step.state is not DrainState.RETURNING:
        # The node is as the drain left it, because it could not forward what a return attracts.
        return "the drain is undone; the return begins when kube-proxy is healthy"
    services = sorted({service for services in drain.lacking.values() for service in services})
    if not services:
        return ""
    count = counted(len(services), "Service")
    names = shorten_names([str(service) for service in services], SHOWN_SERVICES)
    if drain.forced:
        return f"draining {node} takes {count} down, which no other node announces: {names}"
    return (
        f"draining {node} would take {count} down: {names}. No other node announces them, so they stay announced from"
        f" {node}, with GRACEFUL_SHUTDOWN: run them on other nodes too, or set {ANNOTATION}={FORCE} to withdraw them"
    )
