"""Joins events that repeat, as the API server wants it: what was said about an object is counted, not said again.

Pure; the caller gives the time, in seconds of a clock that never goes back.
"""

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeAlias

from exalb.model.patches import EventDraft
from exalb.runtime.times import micro_time_text

WINDOW = 360.0
"""Seconds without a repetition after which a series is over, as in Kubernetes's own programs."""
TEXTS = 4
"""Texts of one reason about one object that have Events of their own: the API server lets no event change its text."""
COMBINED = "(combined from similar events): see the status of the object"
"""The text of the event that counts further texts: one of them would soon be old under the time of another."""
REMEMBERED = 4_096
"""Pairs of an object and a reason that are remembered; the one that was silent for longest is forgotten first."""

Subject: TypeAlias = tuple[str, ...]


@dataclass(slots=True, eq=False)
class Series:
    """One Event on the API server: how often it happened, and how much of that is written there."""

    draft: EventDraft
    began: datetime
    last: datetime
    seen_at: float
    count: int = 1
    written: int = 0
    """The count that the API server has; 0 while it has no such Event."""
    is_waiting: bool = False
    """Whether a write of it is to come."""
    write_at: float = 0.0
    """No write of it begins before this time."""

    def begin_anew(self) -> None:
        """Make a new Event of what is not written, where the API server has the old one no longer."""
        self.count, self.written, self.began = max(1, self.count - self.written), 0, self.last


@dataclass(slots=True)
class _Texts:
    """The series of one reason about one object, by their texts."""

    series: dict[str, Series] = field(default_factory=dict)
    seen_at: float = 0.0


class EventSeries:
    """Remembers the events of the last minutes."""

    def __init__(self) -> None:
        self._known: OrderedDict[Subject, _Texts] = OrderedDict()
        """The one that was silent for longest comes first."""

    def __len__(self) -> int:
        """Return how many pairs of an object and a reason are remembered."""
        return len(self._known)

    def note(self, draft: EventDraft, moment: datetime, now: float) -> Series:
        """Count an event; return its series, which is a new one if nobody said this in the last minutes."""
        subject = _subject(draft)
        known = self._known.setdefault(subject, _Texts())
        known.seen_at = now
        self._known.move_to_end(subject)
        self._forget_before(now - WINDOW)
        known.series = {text: series for text, series in known.series.items() if series.seen_at >= now - WINDOW}
        if draft.message not in known.series and len(known.series) >= TEXTS:
            draft = replace(draft, message=COMBINED)
        series = known.series.get(draft.message)
        if series is None:
            series = known.series[draft.message] = Series(draft, moment, moment, now)
        else:
            series.count, series.last, series.seen_at = series.count + 1, moment, now
        return series

    def forget(self, series: Series) -> None:
        """Begin a new series when this happens again: the API server does not have this one."""
        known = self._known.get(_subject(series.draft))
        if known:
            known.series = {text: other for text, other in known.series.items() if other is not series}

    def _forget_before(self, time: float) -> None:
        while len(self._known) > REMEMBERED or next(iter(self._known.values())).seen_at < time:
            self._known.popitem(last=False)


def _subject(draft: EventDraft) -> Subject:
    about = (draft.kind, draft.api_version, draft.namespace or "", draft.name, draft.uid)
    return (*about, draft.type, draft.reason, draft.action)


def series_body(series: Series) -> dict[str, Any]:
    """Return the field `series` of an Event that happened more than once."""
    if series.count == 1:
        return {}
    return {"series": {"count": series.count, "lastObservedTime": micro_time_text(series.last)}}
