"""Finds the sessions that flap: those that go down again and again, though at a good moment all is well. Pure.

A report keeps when a session last went down, however long ago that is, so that a session at rest costs no write. Its
heartbeat is the clock: both times are of one node, and whoever reads the report finds the same.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from exalb.api.reasons import Reason, Refusal
from exalb.api.speaker import BGPSpeakerStatus, SessionReport
from exalb.runtime.times import micro_time_text
from exalb_bgp.session import KEPT_ENDS, SessionCounts

FLAP_SECONDS = 900.0
"""A session flaps that went down KEPT_ENDS times within so long; the alert ExalbSessionFlapping says the same."""
FLAPS = f"the session went down {KEPT_ENDS} times or more within {FLAP_SECONDS / 60:.0f} minutes"
"""How each message about a session that flaps begins; a condition that has it was written while one flapped.

Other words here cost one more event for each peer that flaps during the upgrade.
"""


def reported_before(report: BGPSpeakerStatus, now: str) -> dict[str, SessionReport]:
    """Return the sessions of the last report, by peer.

    If that was written later than `now`, the clock was set back. Nobody knows then how long ago an end was, and a time
    that is over would come again, so these sessions have no ends.
    """
    sessions = {session.peer: session for session in report.sessions}
    if report.heartbeat is None or datetime.fromisoformat(report.heartbeat) <= datetime.fromisoformat(now):
        return sessions
    unknown = {"ended": None, "ended_because": None}
    return {peer: session.model_copy(update=unknown) for peer, session in sessions.items()}


def newest_ends(counts: SessionCounts, before: SessionReport | None) -> tuple[str, ...] | None:
    """Return when the session last went down: what this speaker saw, and what was reported before it ran.

    None if nobody saw an end. Microseconds keep two ends of one second apart.
    """
    earlier = before.ended or () if before else ()
    return tuple(sorted({*earlier, *map(micro_time_text, counts.ends)}))[-KEPT_ENDS:] or None


def flap_of(report: BGPSpeakerStatus, session: SessionReport) -> Refusal | None:
    """Return the finding about a session that flaps, with an equal message at each end of an equal cause; or None."""
    ended = session.ended or ()
    if len(ended) < KEPT_ENDS or report.heartbeat is None:
        return None
    if datetime.fromisoformat(report.heartbeat) - datetime.fromisoformat(ended[0]) > timedelta(seconds=FLAP_SECONDS):
        return None
    why = f"; the last time: {session.ended_because}" if session.ended_because else ""
    return Refusal(Reason.SESSION_FLAPPING, f"{FLAPS}{why}")


def flaps(report: BGPSpeakerStatus) -> Iterator[tuple[str, Refusal]]:
    """Yield the BGPPeers whose sessions flap, each with the finding."""
    for session in report.sessions:
        if found := flap_of(report, session):
            yield session.peer, found
