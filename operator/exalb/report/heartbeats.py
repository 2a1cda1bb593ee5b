"""Decides which speakers are silent, and marks their reports as stale. Pure; the caller gives the time.

A speaker writes its BGPSpeaker at least once a minute. The controller measures on its own clock how long a BGPSpeaker
went without a change, so that a wrong clock of a node does no harm. The mark is the condition Ready, Unknown: whoever
reads the object sees it, a new leader reads it back, and the speaker's next write replaces it.
"""

from collections.abc import Mapping

from exalb.api.reasons import ConditionType, Reason
from exalb.api.speaker import is_stale
from exalb.model.cluster import SpeakerReport
from exalb.model.patches import Changes, EventDraft, ObjectKey, StatusWrite
from exalb.report.conditions import DesiredCondition, conditions, status_patch, status_write
from exalb.report.speaker_event import KIND, speaker_event

HEARTBEAT_SECONDS = 60.0
"""A speaker writes its report at least this often."""
SILENT_SECONDS = 180.0
"""A speaker that writes nothing for this long counts as silent."""


class HeartbeatMonitor:
    """Remembers when each BGPSpeaker last changed, by the caller's clock."""

    def __init__(self) -> None:
        self._changed: dict[str, tuple[str, float]] = {}

    def silent(self, speakers: Mapping[str, SpeakerReport], now: float) -> frozenset[str]:
        """Return the speakers that wrote a heartbeat once, and nothing for SILENT_SECONDS before `now`."""
        before = self._changed
        self._changed = {}
        for name, speaker in speakers.items():
            version, since = before.get(name, ("", now))
            changed = version != speaker.resource_version
            self._changed[name] = speaker.resource_version, now if changed else since
        return frozenset(
            name
            for name, (_, since) in self._changed.items()
            if now - since >= SILENT_SECONDS and speakers[name].observed.heartbeat
        )


def stale_changes(speakers: Mapping[str, SpeakerReport], silent: frozenset[str], now: str) -> Changes:
    """Return the writes that mark the reports of silent speakers as stale, each with an event."""
    writes: list[StatusWrite] = []
    events: list[EventDraft] = []
    for name in sorted(silent):
        speaker = speakers.get(name)
        if speaker is None or is_stale(speaker.observed):
            continue
        mark = DesiredCondition(ConditionType.READY, "Unknown", Reason.SPEAKER_NOT_REPORTING, _message(speaker))
        current = speaker.observed.conditions
        others = tuple(condition for condition in current if condition.type != ConditionType.READY.value)
        marked = speaker.observed.model_copy(update={"conditions": (*conditions(current, [mark], now), *others)})
        writes.append(status_write("BGPSpeaker", speaker, status_patch(speaker.status, marked) or {}))
        events.append(_event(speaker, mark))
    return Changes(tuple(writes), tuple(events))


def _message(speaker: SpeakerReport) -> str:
    return (
        f"the speaker of node {speaker.name} has written no heartbeat since {speaker.observed.heartbeat}, so this"
        " report is stale: see the speaker's pod on that node. Its ExaBGP may still hold sessions and routes"
    )


def _event(speaker: SpeakerReport, mark: DesiredCondition) -> EventDraft:
    after = ObjectKey(KIND, None, speaker.name)
    return speaker_event(speaker, "Warning", mark.reason, mark.message, "Monitor", after=after)
