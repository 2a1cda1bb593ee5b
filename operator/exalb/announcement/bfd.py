"""Decides which BFD sessions a node has, and which of its BGP sessions end at once or wait for BFD. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from exalb.announcement.adj_rib_out import SessionPlan
from exalb.announcement.planner import NodePlan
from exalb.api.speaker import DrainCause, DrainState
from exalb_bfd.packet import State, diagnostic_text
from exalb_bfd.peers import BfdSession, BfdStatus, Peer
from exalb_bgp.rib import without_zone
from exalb_bgp.speaker import Speaker


def bfd_peers(plan: NodePlan) -> dict[str, Peer]:
    """Return the BFD sessions of a node, by the name of the peer.

    They are AdminDown once a node that shuts down has withdrawn its routes: the router must not take it for dead. A
    node that is back and waits until it forwards has them again, so that no BGP session opens that has to wait for BFD.
    """
    drain = plan.drain
    is_gone = (
        drain is not None
        and not drain.undone
        and (drain.step.cause, drain.step.state) == (DrainCause.NODE_SHUTDOWN, DrainState.WITHDRAWN)
    )
    peers = ((name, _peer(session)) for name, session in plan.sessions.items())
    return {name: replace(peer, disabled=is_gone) for name, peer in peers if peer}


def _peer(plan: SessionPlan) -> Peer | None:
    session, bfd = plan.session, plan.bfd
    if session is None or bfd is None:
        return None
    return Peer(
        address=without_zone(session.peer_address),
        transmit_interval=bfd.transmit_interval,
        receive_interval=bfd.receive_interval,
        multiplier=bfd.detect_multiplier,
        local_address=session.local_address and without_zone(session.local_address),
        interface=session.source_interface,
    )


def has_strict(plan: NodePlan) -> bool:
    """Whether some BGP session waits for BFD."""
    return any(session.session and session.bfd and session.bfd.strict for session in plan.sessions.values())


def without_waiting(plan: NodePlan, status: BfdStatus) -> NodePlan:
    """Return the plan without the BGP sessions that wait for BFD; the same object if none does."""
    waiting = {name for name, session in plan.sessions.items() if session.session and waits(session, status)}
    if not waiting:
        return plan
    sessions = {name: session for name, session in plan.speaker.sessions.items() if name not in waiting}
    return replace(plan, speaker=Speaker(sessions, {name: plan.speaker.ribs[name] for name in sessions}))


def waits(plan: SessionPlan, status: BfdStatus) -> bool:
    """Whether a BGP session waits for BFD: one that is disabled on purpose is no reason to wait (RFC 5882 §3.2)."""
    if plan.bfd is None or not plan.bfd.strict:
        return False
    session = status.sessions.get(plan.peer, BfdSession())
    return session.state is not State.UP and not _is_disabled(session)


def failures(before: BfdStatus, after: BfdStatus) -> Mapping[str, str]:
    """Return the peers whose BFD session failed in between, each with the reason: their BGP sessions end at once."""
    return {
        name: why_down(session)
        for name, session in after.sessions.items()
        if session.state is not State.UP
        and not _is_disabled(session)
        and name in before.sessions
        and before.sessions[name].state is State.UP
    }


def why_down(session: BfdSession) -> str:
    """Return why a session that was Up is not."""
    if session.remote_state is not None and session.remote_diagnostic:
        return f"BFD is Down: the router says {diagnostic_text(session.remote_diagnostic)}"
    return f"BFD is Down: {diagnostic_text(session.diagnostic)}"


def _is_disabled(session: BfdSession) -> bool:
    return State.ADMIN_DOWN in (session.state, session.remote_state)
