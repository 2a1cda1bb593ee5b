"""Decides what the controller writes: statuses of Services and of our resources, with their events. Pure."""

from collections.abc import Mapping

from exalb.allocation.allocator import Allocation, PoolUse
from exalb.analysis.l2_warnings import l2_warnings
from exalb.analysis.overrides import OverridePolicy
from exalb.analysis.warnings import service_warnings, static_warnings
from exalb.api.reasons import Finding
from exalb.api.speaker import BGPSpeakerStatus
from exalb.model.cluster import Cluster, Key, SpeakerReport
from exalb.model.diff import changed_keys
from exalb.model.patches import Changes, EventDraft
from exalb.report.announcements import AnnouncementReporter
from exalb.report.drain_events import drain_events
from exalb.report.failure_events import failure_events
from exalb.report.flaps import flaps
from exalb.report.heartbeats import stale_changes
from exalb.report.node_claim_events import claim_events
from exalb.report.resources import resource_changes
from exalb.report.services import ServiceReporter
from exalb.validation.rules import Rules
from exalb_bgp.session import Family


class ControllerReporter:
    """Finds what the controller has to write; remembers what is up to date."""

    def __init__(self) -> None:
        self._services, self._announcements = ServiceReporter(), AnnouncementReporter()
        self._last: Cluster | None = None
        self._rules = Rules()
        self._overrides = OverridePolicy(Cluster(), self._rules)
        self._static_warnings: tuple[Finding, ...] = ()
        self._warnings: tuple[Finding, ...] = ()
        self._use: Mapping[tuple[str, Family], PoolUse] = {}
        self._resources = Changes()

    def changes(
        self,
        cluster: Cluster,
        rules: Rules,
        allocation: Allocation,
        now: str,
        *,
        silent: frozenset[str] = frozenset(),
        seconds: float = 0.0,
    ) -> Changes:
        """Return the writes and events that bring the API server up to date.

        `now` is RFC 3339, UTC; `silent` names the speakers that no longer write heartbeats; `seconds` is a clock that
        never goes back.
        """
        last, self._last = self._last, cluster
        same_rules = rules is self._rules
        if not same_rules:
            self._rules = rules
            self._overrides = OverridePolicy(cluster, rules)
            self._static_warnings = tuple(static_warnings(cluster, rules))
        services = self._services.changes(cluster, allocation, self._overrides, now)
        warnings = (*self._static_warnings, *service_warnings(cluster, rules), *l2_warnings(cluster, rules))
        use = allocation.use
        unchanged = same_rules and last is not None and same_reports(last.speakers, cluster.speakers)
        if not unchanged or (use, warnings) != (self._use, self._warnings) or self._resources.writes:
            self._use, self._warnings = use, warnings
            self._resources = resource_changes(cluster, rules, warnings, allocation, now)
        written = {Key(write.namespace or "", write.name) for write in services.writes}
        announced = self._announcements.changes(cluster, allocation.outcomes, written, now, seconds)
        news = Changes(events=_speaker_events(last, cluster, rules)) if last else Changes()
        parts = (services, announced, self._resources, stale_changes(cluster.speakers, silent, now), news)
        return Changes(
            tuple(write for part in parts for write in part.writes),
            tuple(event for part in parts for event in part.events),
        )

    @property
    def not_announced(self) -> int:
        """Count the Services with an address that no node announces."""
        return self._announcements.not_announced

    def next_at(self, seconds: float) -> float | None:
        """Return when to decide again though nothing changed, by the clock `seconds`; None if nothing waits."""
        return self._announcements.next_at(seconds)


def same_reports(before: Mapping[str, SpeakerReport], after: Mapping[str, SpeakerReport]) -> bool:
    """Whether the reports say the same: a heartbeat alone costs no more work than this comparison.

    By its heartbeat a report says, too, that a session no longer flaps.
    """
    return all(_content(before.get(name)) == _content(after.get(name)) for name in changed_keys(before, after))


def _content(speaker: SpeakerReport | None) -> tuple[BGPSpeakerStatus, list[str]] | None:
    if speaker is None:
        return None
    flapping = [peer for peer, _ in flaps(speaker.observed)]
    return speaker.observed.model_copy(update={"heartbeat": None}), flapping


def _speaker_events(before: Cluster, after: Cluster, rules: Rules) -> tuple[EventDraft, ...]:
    reports = before.speakers, after.speakers
    return (*drain_events(*reports), *failure_events(*reports), *claim_events(before, after, rules))
