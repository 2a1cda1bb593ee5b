"""What Services are told of their addresses: `status.loadBalancer`, our condition there, and one event per decision.

Pure. `status.loadBalancer.ingress` is the ledger of allocations; the condition says which pool, or why not, and marks
the addresses as ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from exalb.allocation import Allocation
from exalb.changes import changed_keys
from exalb.choice import Outcome
from exalb.cluster import Cluster, ConditionState, Key, Service
from exalb.parse import CONDITION
from exalb.writes import Changes, EventNote, ObjectKey, StatusWrite

ASSIGNED = "Assigned"
RELEASED = "Released"
_KEEPS = "; keeps "
LONGEST_REASON = 4096
"""Characters of a sentence, which may repeat what a user wrote; the API server refuses a status with too many."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    status: str
    reason: str
    message: str


class ServiceReporter:
    """Finds the Services whose status is not what was decided; remembers those that were right already."""

    def __init__(self) -> None:
        self._last = Cluster()
        self._outcomes: Mapping[Key, Outcome] = {}
        self._pending: set[Key] = set()

    def changes(self, cluster: Cluster, allocation: Allocation, now: str) -> Changes:
        """Return the writes that bring every Service's status to what `allocation` says."""
        keys = set(changed_keys(self._last.services, cluster.services))
        keys.update(changed_keys(self._outcomes, allocation.outcomes))
        keys |= self._pending
        self._last, self._outcomes, self._pending = cluster, allocation.outcomes, set()
        writes: list[StatusWrite] = []
        events: list[EventNote] = []
        for key in sorted(keys, key=lambda key: _age(cluster, key)):
            service = cluster.services.get(key)
            found = service and _write(service, allocation.outcomes.get(key), now)
            if found:
                self._pending.add(key)
                writes.append(found[0])
                events.extend(found[1])
        return Changes(tuple(writes), tuple(events))


def _age(cluster: Cluster, key: Key) -> tuple[str, Key]:
    service = cluster.services.get(key)
    return service.age if service else ("", key)


def _write(service: Service, outcome: Outcome | None, now: str) -> tuple[StatusWrite, list[EventNote]] | None:
    if outcome is None:
        return _clean(service, service.condition) if service.condition else None
    verdict = _verdict(outcome)
    before = service.condition or ConditionState("", "", "")
    told = (before.status, before.reason, before.message) == (verdict.status, verdict.reason, verdict.message)
    moved = service.held != outcome.addresses
    if told and not moved:
        return None
    status: dict[str, Any] = {}
    if moved:
        status["loadBalancer"] = {"ingress": [{"ip": str(ip), "ipMode": "VIP"} for ip in outcome.addresses]}
    if not told:
        stands = before.status == verdict.status and before.last_transition_time
        status["conditions"] = [
            {
                "type": CONDITION,
                "status": verdict.status,
                "reason": verdict.reason,
                "message": verdict.message,
                "lastTransitionTime": before.last_transition_time if stands else now,
            }
        ]
    news = moved or before.reason != verdict.reason
    return _patch(service, status), [_event(service, outcome, verdict)] if news else []


def _verdict(outcome: Outcome) -> _Verdict:
    addresses = " and ".join(str(address) for address in outcome.addresses)
    if outcome.refusal is None:
        return _Verdict("True", ASSIGNED, f"{addresses} from pool {outcome.pool}")
    reason, why = outcome.refusal.reason.value, _shortened(outcome.refusal.message)
    if not addresses:
        return _Verdict("False", reason, why)
    return _Verdict("True", reason, f"{why}{_KEEPS}{addresses}")


def _shortened(message: str) -> str:
    return message if len(message) <= LONGEST_REASON else f"{message[: LONGEST_REASON - 1]}…"


def _event(service: Service, outcome: Outcome, verdict: _Verdict) -> EventNote:
    gone = [str(address) for address in service.held if address not in outcome.addresses]
    why = next((f": {refusal.message}" for _, refusal in outcome.lost), "")
    message = f"{verdict.message}; gave back {' and '.join(gone)}{why}" if gone else verdict.message
    kind: Literal["Normal", "Warning"] = "Normal" if outcome.refusal is None else "Warning"
    return _note(service, kind, verdict.reason, message, "Assign")


def _clean(service: Service, condition: ConditionState) -> tuple[StatusWrite, list[EventNote]]:
    """Take our entries out of a Service that is not ours any more; those of another controller stay."""
    status: dict[str, Any] = {"conditions": [{"type": CONDITION, "$patch": "delete"}]}
    if service.held and has_only_ours(service):
        status["loadBalancer"] = {"ingress": []}
    if condition.status != "True":
        return _patch(service, status), []
    message = f"the Service is not ExaLB's any more; it had {condition.message}"
    return _patch(service, status), [_note(service, "Normal", RELEASED, message, "Release")]


def has_only_ours(service: Service) -> bool:
    """Tell whether its condition of ours names every address that it has: the list has one writer at a time."""
    named = service.condition.message.rpartition(_KEEPS)[2].split() if service.condition else ()
    return all(str(address) in named for address in service.held)


def _patch(service: Service, status: dict[str, Any]) -> StatusWrite:
    body = {"metadata": {"resourceVersion": service.resource_version}, "status": status}
    namespace, name = service.key
    return StatusWrite("Service", namespace, name, service.uid, service.resource_version, body, "strategic")


def _note(service: Service, kind: Literal["Normal", "Warning"], reason: str, message: str, action: str) -> EventNote:
    namespace, name = service.key
    after = ObjectKey("Service", namespace, name)
    return EventNote("Service", "v1", namespace, name, service.uid, kind, reason, message, action, after)
