"""The BFD session with one router as its node's BGPSpeaker shows it. Pure."""

from datetime import UTC, datetime, timedelta

from exalb.announcement.adj_rib_out import SessionPlan
from exalb.announcement.bfd import waits, why_down
from exalb.api.bfd import BfdReport
from exalb.runtime.times import time_text
from exalb_bfd.packet import State, diagnostic_text
from exalb_bfd.peers import BfdSession, BfdStatus

NAMES = {State.ADMIN_DOWN: "AdminDown", State.DOWN: "Down", State.INIT: "Init", State.UP: "Up"}
_SAME_MOMENT = timedelta(seconds=2)
_NOT_RUNNING = "BFD does not run on this node: set speaker.bfd.enabled to true in the values of the chart"
_SILENT = "the router sends no BFD packets to this node: configure BFD for it there, or allow UDP port 3784"
_DISABLED = "the router has disabled BFD for this node"
_WAITS = "; BGP waits for BFD, since bfd.strict is true"


def bfd_report(plan: SessionPlan, status: BfdStatus, before: BfdReport | None) -> BfdReport | None:
    """Return the report of one session; None where the peer asks for no BFD, or there is no session."""
    if plan.bfd is None or plan.session is None:
        return None
    session = status.sessions.get(plan.peer)
    if session is None:
        message = _NOT_RUNNING + (_WAITS if waits(plan, status) else "")
        return BfdReport(state=NAMES[State.DOWN], message=message)
    return BfdReport(
        state=NAMES[session.state],
        since=_since(session, before),
        diagnostic=diagnostic_text(session.diagnostic) if session.diagnostic else None,
        remote_state=None if session.remote_state is None else NAMES[session.remote_state],
        remote_diagnostic=diagnostic_text(session.remote_diagnostic) if session.remote_diagnostic else None,
        transmit_interval=_milliseconds(session.transmit_interval),
        detection_time=_milliseconds(session.detection_time),
        remote_detection_time=_milliseconds(session.remote_detection_time),
        message=_message(plan, session, status)[:1024],
    )


def _message(plan: SessionPlan, session: BfdSession, status: BfdStatus) -> str:
    if session.state is State.UP:
        return ""
    if session.problem:
        why = session.problem
    elif session.state is State.ADMIN_DOWN:
        return "taken down on purpose: the node goes away"
    elif session.remote_state is State.ADMIN_DOWN:
        why = _DISABLED
    elif session.was_up:
        why = why_down(session)
    else:
        why = _SILENT if session.remote_state is None else "not Up yet"
    return why + (_WAITS if waits(plan, status) else "")


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _since(session: BfdSession, before: BfdReport | None) -> str | None:
    """Return when the session entered its state: the time reported before where it is about the same."""
    if session.since is None:
        return None
    moment = datetime.fromtimestamp(session.since, UTC)
    earlier = before.since if before and before.state == NAMES[session.state] else None
    if earlier and abs(datetime.fromisoformat(earlier) - moment) <= _SAME_MOMENT:
        return earlier
    return time_text(moment)
