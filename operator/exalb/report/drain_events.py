"""Posts an event about a node's drain when it begins, holds prefixes, has withdrawn its routes, or is undone. Pure."""

from collections.abc import Iterator, Mapping
from typing import Literal

from exalb.announcement.drain_news import DrainNews, drain_news, reported_progress
from exalb.api.reasons import Reason
from exalb.api.speaker import DrainReport
from exalb.model.cluster import SpeakerReport
from exalb.model.diff import changed_keys
from exalb.model.patches import EventDraft
from exalb.report.speaker_event import speaker_event

REASONS: Mapping[DrainNews, Reason] = {
    DrainNews.BEGUN: Reason.DRAIN_BEGUN,
    DrainNews.HELD: Reason.DRAIN_HOLDS_PREFIXES,
    DrainNews.WITHDRAWN: Reason.DRAIN_WITHDRAWN,
    DrainNews.UNDONE: Reason.DRAIN_UNDONE,
}


def drain_events(before: Mapping[str, SpeakerReport], after: Mapping[str, SpeakerReport]) -> Iterator[EventDraft]:
    """Yield the events about all that is new in the second of two snapshots."""
    for name in sorted(changed_keys(before, after)):
        if name in after:
            earlier = before[name].observed.drain if name in before else None
            report = after[name].observed.drain
            for news in drain_news(reported_progress(earlier), reported_progress(report)):
                yield _event(after[name], news, report)


def _event(speaker: SpeakerReport, news: DrainNews, report: DrainReport | None) -> EventDraft:
    kind: Literal["Normal", "Warning"] = "Warning" if news is DrainNews.HELD else "Normal"
    return speaker_event(speaker, kind, REASONS[news], _message(speaker.name, news, report), "Drain")


def _message(node: str, news: DrainNews, report: DrainReport | None) -> str:
    if report is None or news is DrainNews.UNDONE:
        return f"the drain of node {node} is undone: it announces its routes again"
    if news is DrainNews.BEGUN:
        return f"node {node} is drained (cause {report.cause.value}): its routes have GRACEFUL_SHUTDOWN"
    if news is DrainNews.HELD:
        return report.message
    rest = f", except {report.held} that no other node announces" if report.held else ""
    return f"node {node} has withdrawn its routes{rest}"
