"""Each piece of news about a drain is found once, whatever states a report skipped."""

from itertools import pairwise

import pytest

from exalb.announcement.drain_news import DrainNews, DrainProgress, drain_news, reported_progress
from exalb.api.speaker import DrainCause, DrainReport, DrainState

BEGUN, HELD, WITHDRAWN, UNDONE = DrainNews
DEPREFERRED = DrainProgress(DrainState.DEPREFERRED, 0)
WITHDRAWING = DrainProgress(DrainState.WITHDRAWING, 0)
GONE = DrainProgress(DrainState.WITHDRAWN, 0)
RETURNING = DrainProgress(DrainState.RETURNING, 0)
HOLDING = DrainProgress(DrainState.DEPREFERRED, 2)
GONE_BUT_HOLDING = DrainProgress(DrainState.WITHDRAWN, 1)


@pytest.mark.parametrize(
    ("course", "news"),
    [
        ([None, None], []),
        ([None, DEPREFERRED], [BEGUN]),
        ([None, DEPREFERRED, WITHDRAWING, GONE], [BEGUN, WITHDRAWN]),
        ([None, GONE], [BEGUN, WITHDRAWN]),
        ([GONE, GONE], []),
        ([None, HOLDING, GONE_BUT_HOLDING, GONE_BUT_HOLDING], [BEGUN, HELD, WITHDRAWN]),
        ([DEPREFERRED, HOLDING, DEPREFERRED, HOLDING], [HELD, HELD]),
        ([GONE, RETURNING, None], [UNDONE]),
        ([DEPREFERRED, None], [UNDONE]),
        ([GONE, RETURNING, DEPREFERRED], [UNDONE, BEGUN]),
        ([None, RETURNING], []),
    ],
)
def test_news_of_a_course(course: list[DrainProgress | None], news: list[DrainNews]) -> None:
    found = [each for before, after in pairwise(course) for each in drain_news(before, after)]
    assert found == news


def test_progress_is_that_of_a_report() -> None:
    report = DrainReport(
        state=DrainState.DEPREFERRED, cause=DrainCause.ANNOTATION, since="2026-01-05T08:00:00Z", held=2
    )
    assert reported_progress(report) == HOLDING
    assert reported_progress(None) is None
