"""What Services are told of their addresses: `status.loadBalancer`, our condition there, and one event per decision.

Pure. `status.loadBalancer.ingress` is the ledger of allocations; the condition says which pool, or why not, and marks
the addresses as ours.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from exalb.allocation import Allocation
from exalb.changes import changed_keys
from exalb.choice import Outcome
from exalb.cluster import Cluster, ConditionState, Key, Service
from exalb.overrides import Hearing
from exalb.parse import CONDITION, UNDERSTOOD
from exalb.reasons import Refusal
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
        self._asking: set[Key] = set()
        """Services that ask for attributes: what becomes of that depends on the advertisements."""
        self._hearing: Hearing | None = None

    def changes(self, cluster: Cluster, allocation: Allocation, hearing: Hearing, now: str) -> Changes:
        """Return the writes that bring every Service's status to what `allocation` says.

        `hearing` is the very same object as long as the rules are.
        """
        keys = set(changed_keys(self._last.services, cluster.services))
        for key in keys:
            service = cluster.services.get(key)
            (self._asking.add if service and service.request.overrides else self._asking.discard)(key)
        keys.update(self._asking if hearing is not self._hearing else ())
        self._hearing = hearing
        keys.update(changed_keys(self._outcomes, allocation.outcomes))
        keys |= self._pending
        self._last, self._outcomes, self._pending = cluster, allocation.outcomes, set()
        writes: list[StatusWrite] = []
        events: list[EventNote] = []
        for key in sorted(keys, key=lambda key: _age(cluster, key)):
            service = cluster.services.get(key)
            outcome = allocation.outcomes.get(key)
            found = service and _write(service, outcome, hearing.remarks(service, outcome), now)
            if found:
                self._pending.add(key)
                writes.append(found[0])
                events.extend(found[1])
        return Changes(tuple(writes), tuple(events))


def _age(cluster: Cluster, key: Key) -> tuple[str, Key]:
    service = cluster.services.get(key)
    return service.age if service else ("", key)


def _write(
    service: Service, outcome: Outcome | None, remarks: tuple[Refusal, ...], now: str
) -> tuple[StatusWrite, list[EventNote]] | None:
    if outcome is None:
        return _clean(service) if service.condition or service.remark else None
    verdict, remark = _verdict(outcome), _remark(remarks)
    conditions = [
        *_condition(CONDITION, service.condition, verdict, now),
        *_condition(UNDERSTOOD, service.remark, remark, now),
    ]
    moved = service.held != outcome.addresses
    if not conditions and not moved:
        return None
    status: dict[str, Any] = {}
    if moved:
        status["loadBalancer"] = {"ingress": [{"ip": str(ip), "ipMode": "VIP"} for ip in outcome.addresses]}
    if conditions:
        status["conditions"] = conditions
    return _patch(service, status), list(_events(service, outcome, verdict, remark))


def _condition(kind: str, before: ConditionState | None, wanted: _Verdict | None, now: str) -> Iterator[dict[str, Any]]:
    """Yield what to write of one condition, or nothing where it stands as it should."""
    if wanted is None:
        if before:
            yield {"type": kind, "$patch": "delete"}
        return
    if before is None or (before.status, before.reason, before.message) != (
        wanted.status,
        wanted.reason,
        wanted.message,
    ):
        stands = before and before.status == wanted.status and before.last_transition_time
        yield {
            "type": kind,
            "status": wanted.status,
            "reason": wanted.reason,
            "message": wanted.message,
            "lastTransitionTime": stands or now,
        }


def _remark(remarks: tuple[Refusal, ...]) -> _Verdict | None:
    """Return what is to be said of annotations; it stands beside the address, and takes none away."""
    if not remarks:
        return None
    return _Verdict("False", remarks[0].reason.value, _shortened("; ".join(remark.message for remark in remarks)))


def _verdict(outcome: Outcome) -> _Verdict:
    addresses = " and ".join(map(str, outcome.addresses))
    if outcome.refusal is None:
        if len(set(outcome.pools)) > 1:
            pairs = zip(outcome.addresses, outcome.pools, strict=True)
            return _Verdict("True", ASSIGNED, " and ".join(f"{address} from pool {pool}" for address, pool in pairs))
        return _Verdict("True", ASSIGNED, f"{addresses} from pool {outcome.pool}")
    reason, why = outcome.refusal.reason.value, _shortened(outcome.refusal.message)
    if not addresses:
        return _Verdict("False", reason, why)
    return _Verdict("True", reason, f"{why}{_KEEPS}{addresses}")


def _shortened(message: str) -> str:
    return message if len(message) <= LONGEST_REASON else f"{message[: LONGEST_REASON - 1]}…"


def _events(service: Service, outcome: Outcome, verdict: _Verdict, remark: _Verdict | None) -> Iterator[EventNote]:
    """Yield one event for what is new: a write has one at most, so that what is said of annotations goes with it."""
    before = service.condition.reason if service.condition else ""
    new = remark if remark and (service.remark is None or service.remark.message != remark.message) else None
    if service.held != outcome.addresses or before != verdict.reason:
        yield _event(service, outcome, verdict, new)
    elif new:
        yield _note(service, "Warning", new.reason, new.message, "Read")


def _event(service: Service, outcome: Outcome, verdict: _Verdict, remark: _Verdict | None) -> EventNote:
    gone = [str(address) for address in service.held if address not in outcome.addresses]
    why = next((f": {refusal.message}" for _, refusal in outcome.lost), "")
    message = f"{verdict.message}; gave back {' and '.join(gone)}{why}" if gone else verdict.message
    message = f"{message}; {remark.message}" if remark else message
    kind: Literal["Normal", "Warning"] = "Warning" if outcome.refusal or remark else "Normal"
    return _note(service, kind, verdict.reason, message, "Assign")


def _clean(service: Service) -> tuple[StatusWrite, list[EventNote]]:
    """Take our entries out of a Service that is not ours any more; those of another controller stay."""
    condition, there = service.condition, ((CONDITION, service.condition), (UNDERSTOOD, service.remark))
    status: dict[str, Any] = {"conditions": [{"type": kind, "$patch": "delete"} for kind, stands in there if stands]}
    if service.held and has_only_ours(service):
        status["loadBalancer"] = {"ingress": []}
    if condition is None or condition.status != "True":
        return _patch(service, status), []
    message = f"the Service is not ExaLB's any more; it had {condition.message}"
    return _patch(service, status), [_note(service, "Normal", RELEASED, message, "Release")]


def has_only_ours(service: Service) -> bool:
    """Tell whether its condition of ours names every address that it has: the list has one writer at a time."""
    condition = service.condition
    if condition is None or condition.status != "True":
        return False
    words = condition.message.rpartition(_KEEPS)[2].split()
    named = {word for before, word in pairwise(["", *words]) if before != "pool"}
    return all(str(address) in named for address in service.held)


def _patch(service: Service, status: dict[str, Any]) -> StatusWrite:
    body = {"metadata": {"resourceVersion": service.resource_version}, "status": status}
    namespace, name = service.key
    return StatusWrite("Service", namespace, name, service.uid, service.resource_version, body, "strategic")


def _note(service: Service, kind: Literal["Normal", "Warning"], reason: str, message: str, action: str) -> EventNote:
    namespace, name = service.key
    after = ObjectKey("Service", namespace, name)
    return EventNote("Service", "v1", namespace, name, service.uid, kind, reason, message, action, after)
