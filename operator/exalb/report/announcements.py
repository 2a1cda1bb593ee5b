"""Writes on each Service by how many nodes it is announced: a condition, and an event when that begins or ends. Pure.

That a Service is announced is written at once, that it is not when that has lasted ten seconds, and another number of
nodes or peers once a minute. All Services together get at most `PER_SECOND` such writes a second after a burst, and
other numbers only while half of the burst is unused (decision 047).
"""

from collections.abc import Container, Iterator
from enum import Enum
from typing import Literal

from exalb.api.reasons import ConditionType, Reason
from exalb.api.shorten import counted
from exalb.model.cluster import Cluster, ConditionState, Key, Service
from exalb.model.patches import Changes, EventDraft, StatusWrite
from exalb.report.announced_services import AnnouncedServices
from exalb.report.services import condition_patch, service_event, service_write

BURST, PER_SECOND = 200, 10


class Change(Enum):
    """How a condition differs from what it should be; the value is how long that must last, in seconds."""

    BEGINS = 0.0
    ENDS = 10.0
    COUNT = 60.0


class AnnouncementReporter:
    """Finds the Services whose condition Announced differs from the reports of the speakers, and when to write it."""

    def __init__(self) -> None:
        self._announced = AnnouncedServices()
        self._waiting: dict[Key, tuple[Change, float]] = {}
        """The differences, and when each was first seen."""
        self._not_announced: set[Key] = set()
        self._budget, self._paid_at = float(BURST), 0.0

    @property
    def not_announced(self) -> int:
        """Count the Services with an address that no node announces, according to the reports."""
        return len(self._not_announced)

    def changes(
        self, cluster: Cluster, ours: Container[Key], written: Container[Key], now: str, seconds: float
    ) -> Changes:
        """Return the writes that are due; `written` are Services that this round writes already.

        `now` is RFC 3339, UTC; `seconds` is any clock that never goes back.
        """
        self._announced.update(cluster)
        for key in self._announced.take():
            self._look_at(cluster.services.get(key), key, ours, seconds)
        writes: list[StatusWrite] = []
        events: list[EventDraft] = []
        for key in self._due(written, seconds):
            service = cluster.services[key]
            wanted = self._wanted(service)
            status = {
                "conditions": list(condition_patch(ConditionType.ANNOUNCED.value, service.announced, wanted, now))
            }
            writes.append(service_write(service, status, ()))
            events.extend(_events(service, wanted))
        return Changes(tuple(writes), tuple(events))

    def next_at(self, seconds: float) -> float | None:
        """Return when to look again though nothing changed, by the same clock; None if nothing waits."""
        if self._announced.has_more:
            return seconds
        due = min((since + change.value for change, since in self._waiting.values()), default=None)
        return None if due is None else max(due, seconds + 1.0)

    def _look_at(self, service: Service | None, key: Key, ours: Container[Key], seconds: float) -> None:
        """Note how the condition of one Service differs, or that it does not."""
        self._not_announced.discard(key)
        change = None
        if service and key in ours:
            wanted = self._wanted(service)
            if wanted and wanted.status == "False":
                self._not_announced.add(key)
            change = _change(service.announced, wanted)
        if change is None:
            self._waiting.pop(key, None)
        elif key not in self._waiting or self._waiting[key][0] is not change:
            self._waiting[key] = change, seconds

    def _wanted(self, service: Service) -> ConditionState | None:
        """Return the condition that the Service should have; what it has while that is not known."""
        if not service.held:
            return None
        nodes, peers, on_lan, missing = self._announced.count(service.held)
        if not missing:
            parts = [f"by {counted(nodes, 'node')} to {counted(peers, 'peer')}"] if peers else []
            parts += [f"by {counted(on_lan, 'node')} on the LAN"] if on_lan else []
            return ConditionState("True", Reason.ANNOUNCED.value, f"announced {', and '.join(parts)}")
        if not self._announced.is_complete:
            return service.announced
        addresses, key = " and ".join(map(str, missing)), service.key
        why = f"`kubectl exalb explain service/{key.name} -n {key.namespace}` says why"
        return ConditionState("False", Reason.NOT_ANNOUNCED.value, f"no node announces {addresses}: {why}")

    def _due(self, written: Container[Key], seconds: float) -> Iterator[Key]:
        """Yield the Services to write now, those that begin or end to be announced first, within the budget."""
        elapsed, self._paid_at = max(0.0, seconds - self._paid_at), seconds
        self._budget = min(BURST, self._budget + elapsed * PER_SECOND)
        due = sorted(
            (change is Change.COUNT, since, key)
            for key, (change, since) in self._waiting.items()
            if since + change.value <= seconds and key not in written
        )
        for is_count, _, key in due:
            if self._budget < (BURST / 2 if is_count else 1):
                return
            self._budget -= 1
            yield key


def _change(before: ConditionState | None, wanted: ConditionState | None) -> Change | None:
    """Return how a condition differs from the wanted one, or None."""
    if before is None or wanted is None:
        if before is wanted:
            return None
        return Change.ENDS if wanted and wanted.status == "False" else Change.BEGINS
    if before.status != wanted.status:
        return Change.BEGINS if wanted.status == "True" else Change.ENDS
    return None if (before.reason, before.message) == (wanted.reason, wanted.message) else Change.COUNT


def _events(service: Service, wanted: ConditionState | None) -> Iterator[EventDraft]:
    """Yield an event where a Service is announced by none, or again; that a new one is announced is no news."""
    before = service.announced.status if service.announced else None
    if wanted is None or wanted.status == before or (before, wanted.status) == (None, "True"):
        return
    kind: Literal["Normal", "Warning"] = "Normal" if wanted.status == "True" else "Warning"
    yield service_event(service, kind, wanted.reason, wanted.message, "Announce")
