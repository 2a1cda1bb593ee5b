"""Finds what is new about the drain of a node, so that people are informed of it once. Pure."""

from enum import Enum
from typing import NamedTuple

from exalb.api.speaker import DrainReport, DrainState


class DrainNews(Enum):
    """Something about a drain that people want to know once."""

    BEGUN = "begun"
    HELD = "held"
    """Prefixes stay announced that no other node announces."""
    WITHDRAWN = "withdrawn"
    UNDONE = "undone"


class DrainProgress(NamedTuple):
    """How far a drain is, and the number of prefixes that it holds."""

    state: DrainState
    held: int


def reported_progress(report: DrainReport | None) -> DrainProgress | None:
    """Return the progress that a speaker reported; None without a drain."""
    return DrainProgress(report.state, report.held) if report else None


def drain_news(before: DrainProgress | None, after: DrainProgress | None) -> list[DrainNews]:
    """Return what is new in the second; None is no drain."""
    before, after = _unless_returning(before), _unless_returning(after)
    if after is None:
        return [DrainNews.UNDONE] if before else []
    news = [] if before else [DrainNews.BEGUN]
    if after.held and not (before and before.held):
        news.append(DrainNews.HELD)
    if _is_over(after) and not (before and _is_over(before)):
        news.append(DrainNews.WITHDRAWN)
    return news


def _unless_returning(progress: DrainProgress | None) -> DrainProgress | None:
    """Return None where the drain was undone."""
    return None if progress and progress.state is DrainState.RETURNING else progress


def _is_over(progress: DrainProgress) -> bool:
    return progress.state is DrainState.WITHDRAWN
