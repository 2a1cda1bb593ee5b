"""A session flaps that went down four times within a quarter of an hour, by the clock of its node."""

from datetime import datetime, timedelta

import pytest

from exalb.api.reasons import Reason, Refusal
from exalb.api.speaker import BGPSpeakerStatus, SessionReport
from exalb.report.flaps import flap_of, flaps, newest_ends, reported_before
from exalb_bgp.session import SessionCounts, State

NOW = datetime.fromisoformat("2026-01-05T09:00:00Z")


def at(*seconds: float) -> tuple[str, ...]:
    """Return the times so many seconds before now, as a report has them."""
    return tuple((NOW - timedelta(seconds=each)).strftime("%Y-%m-%dT%H:%M:%S.%fZ") for each in seconds)


def report(*seconds: float, **more: str) -> SessionReport:
    """Return the report of a session that is up, and that went down so many seconds ago."""
    return SessionReport(peer="tor", state=State.ESTABLISHED, ended=at(*seconds) or None, **more)


def seen(*seconds: float) -> SessionCounts:
    """Return what a speaker noted that saw these ends."""
    return SessionCounts(closed=len(seconds), ends=tuple(NOW - timedelta(seconds=each) for each in seconds))


@pytest.mark.parametrize(
    ("ends", "does"),
    [
        pytest.param((), False, id="never"),
        pytest.param((3, 2, 1), False, id="three-times"),
        pytest.param((4, 3, 2, 1), True, id="four-times-at-once"),
        pytest.param((900, 500, 400, 300), True, id="just-within-the-time"),
        pytest.param((901, 3, 2, 1), False, id="the-first-too-long-ago"),
        pytest.param((9004, 9003, 9002, 9001), False, id="long-at-rest"),
    ],
)
def test_session_flaps(ends: tuple[float, ...], does: bool) -> None:
    session = report(*ends)
    status = BGPSpeakerStatus(sessions=(session,), heartbeat="2026-01-05T09:00:00Z")
    found = flap_of(status, session)
    assert (found is not None) is does
    assert [peer for peer, _ in flaps(status)] == (["tor"] if does else [])


def test_message_is_equal_for_equal_causes() -> None:
    """So that each further time counts on one event, and nodes share a line."""
    text = "the session went down 4 times or more within 15 minutes"
    for why, message in (("", text), ("hold timer expired", f"{text}; the last time: hold timer expired")):
        for ends in ((4, 3, 2, 1), (40, 30, 20, 10)):
            session = report(*ends, ended_because=why)
            status = BGPSpeakerStatus(sessions=(session,), heartbeat="2026-01-05T09:00:00Z")
            assert flap_of(status, session) == Refusal(Reason.SESSION_FLAPPING, message)


def test_report_without_heartbeat_says_nothing() -> None:
    session = report(4, 3, 2, 1)
    assert flap_of(BGPSpeakerStatus(sessions=(session,)), session) is None


@pytest.mark.parametrize(
    ("counts", "before", "ends"),
    [
        pytest.param(seen(), None, None, id="nothing-known"),
        pytest.param(seen(), report(), None, id="nothing-known-before"),
        pytest.param(seen(2), None, at(2), id="a-new-session"),
        pytest.param(seen(2, 1), report(2), at(2, 1), id="one-more"),
        pytest.param(seen(1), report(9, 8), at(9, 8, 1), id="a-new-speaker-reads-what-was-reported"),
        pytest.param(seen(), report(9, 8), at(9, 8), id="however-long-ago"),
        pytest.param(seen(2, 1), report(9, 8, 7), at(8, 7, 2, 1), id="the-newest-four"),
        pytest.param(seen(0.4, 0.2), report(), at(0.4, 0.2), id="two-in-one-second"),
    ],
)
def test_newest_ends_are_reported(
    counts: SessionCounts, before: SessionReport | None, ends: tuple[str, ...] | None
) -> None:
    assert newest_ends(counts, before) == ends


@pytest.mark.parametrize(
    ("heartbeat", "are_known"),
    [
        pytest.param(None, True, id="no-heartbeat"),
        pytest.param("2026-01-05T08:59:00Z", True, id="a-minute-ago"),
        pytest.param("2026-01-05T09:00:00Z", True, id="in-this-second"),
        pytest.param("2026-01-05T09:00:01Z", False, id="the-clock-was-set-back"),
    ],
)
def test_ends_before_the_clock_was_set_back_are_not_known(heartbeat: str | None, are_known: bool) -> None:
    session = report(-60, 60, ended_because="hold timer expired")
    status = BGPSpeakerStatus(sessions=(session,), heartbeat=heartbeat)
    [found] = reported_before(status, "2026-01-05T09:00:00Z").values()
    assert (found.ended, found.ended_because) == ((session.ended, session.ended_because) if are_known else (None, None))
    assert (found.peer, found.state) == (session.peer, session.state)
