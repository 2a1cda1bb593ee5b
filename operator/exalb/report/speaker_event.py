"""Drafts an event about a BGPSpeaker. Pure."""

from typing import Literal

from exalb.api.reasons import Reason
from exalb.model.cluster import SpeakerReport
from exalb.model.patches import API_VERSION, EventDraft, ObjectKey

KIND = "BGPSpeaker"


def speaker_event(
    speaker: SpeakerReport,
    kind: Literal["Normal", "Warning"],
    reason: Reason,
    message: str,
    action: str,
    *,
    after: ObjectKey | None = None,
) -> EventDraft:
    """Return the event; it waits for the write `after`, if there is one."""
    return EventDraft(KIND, API_VERSION, None, speaker.name, speaker.uid, kind, reason.value, message, action, after)
