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
"""How each message about a session that flaps begins; a condition that has it was written while one flapped."""


def newest_ends(counts: SessionCounts, before: SessionReport | None, now: str) -> tuple[str, ...] | None:
    """Return when the session last went down: what this speaker saw, and what was reported before it ran.

    A time after `now` was noted before the clock was set back. None if nobody saw an end. Microseconds keep two ends
    of one second apart; as text they precede the whole second, so that an end within the second of `now` counts.
    """
    earlier = before.ended or () if before else ()
    known = sorted({*earlier, *map(micro_time_text, counts.ends)})
    return tuple(end for end in known if end <= now)[-KEPT_ENDS:] or None


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
