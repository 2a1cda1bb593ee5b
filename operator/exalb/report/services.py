"""Writes the addresses of Services: `status.loadBalancer`, our conditions, and one event for each decision. Pure.

`status.loadBalancer.ingress` has the addresses. One condition says, for people, from which pool they are or why there
are none; another records, for ExaLB, which addresses it assigned (see `model.address_record`).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

from exalb.allocation.allocator import Allocation
from exalb.allocation.outcome import Outcome
from exalb.analysis.overrides import OverridePolicy
from exalb.api.reasons import ConditionType, Reason, Refusal
from exalb.model.address_record import has_only_ours, record_condition
from exalb.model.cluster import Cluster, ConditionState, Key, Service
from exalb.model.diff import changed_keys
from exalb.model.parse_core import CONDITION, RECORD, UNDERSTOOD
from exalb.model.patches import AddressChange, Changes, EventDraft, ObjectKey, StatusWrite

ASSIGNED = Reason.ASSIGNED.value
RELEASED = Reason.RELEASED.value
NOT_MANAGED, REPLACED = "NotManaged", "Replaced"
"""Reasons in the log: an address is released because the Service is no longer ours, or gets another one."""
LONGEST_REASON = 4096
"""Characters of a message, which may repeat the text of a user; the API server refuses a status that is too long."""


_Change: TypeAlias = tuple[StatusWrite, list[EventDraft]]
"""The write of one status, and its events."""


class ServiceReporter:
    """Finds the Services whose status differs from the decision; skips those that were right and did not change."""

    def __init__(self) -> None:
        self._last = Cluster()
        self._outcomes: Mapping[Key, Outcome] = {}
        self._pending: dict[Key, _Change] = {}
        """The changes that no status shows yet, the older Services first: no later round decides on them again."""
        self._with_overrides: set[Key] = set()
        """Services that request attributes: the remarks about these depend on the advertisements."""
        self._policy: OverridePolicy | None = None

    def changes(self, cluster: Cluster, allocation: Allocation, policy: OverridePolicy, now: str) -> Changes:
        """Return the writes that bring every Service's status to what `allocation` says.

        `policy` is the same object as long as the rules are the same.
        """
        keys = set(changed_keys(self._last.services, cluster.services))
        for key in keys:
            service = cluster.services.get(key)
            has_overrides = service is not None and service.request.overrides is not None
            (self._with_overrides.add if has_overrides else self._with_overrides.discard)(key)
        keys.update(self._with_overrides if policy is not self._policy else ())
        self._policy = policy
        keys.update(changed_keys(self._outcomes, allocation.outcomes))
        self._last, self._outcomes = cluster, allocation.outcomes
        new = dict[Key, _Change]()
        for key in keys:
            self._pending.pop(key, None)
            service, outcome = cluster.services.get(key), allocation.outcomes.get(key)
            if service and (change := _change(service, outcome, policy.remarks(service, outcome), now)):
                new[key] = change
        if new:
            pending = {**self._pending, **new}
            self._pending = {key: pending[key] for key in sorted(pending, key=lambda key: cluster.services[key].age)}
        writes = tuple(write for write, _ in self._pending.values())
        return Changes(writes, tuple(event for _, events in self._pending.values() for event in events))


def _change(service: Service, outcome: Outcome | None, remarks: tuple[Refusal, ...], now: str) -> _Change | None:
    if outcome is None:
        is_marked = service.condition or service.remark or service.record or service.announced
        return _clean(service) if is_marked else None
    assigned, remark = _assigned(outcome), _remark(remarks)
    conditions = [
        *condition_patch(CONDITION, service.condition, assigned, now),
        *condition_patch(UNDERSTOOD, service.remark, remark, now),
        *condition_patch(RECORD, service.record, record_condition(service, outcome.addresses), now),
    ]
    moved = service.held != outcome.addresses
    if not conditions and not moved:
        return None
    status: dict[str, Any] = {}
    if moved:
        status["loadBalancer"] = {"ingress": [{"ip": str(ip), "ipMode": "VIP"} for ip in outcome.addresses]}
    if conditions:
        status["conditions"] = conditions
    write = service_write(service, status, tuple(_address_changes(service, outcome)))
    return write, list(_events(service, outcome, assigned, remark))


def condition_patch(
    kind: str, before: ConditionState | None, wanted: ConditionState | None, now: str
) -> Iterator[dict[str, Any]]:
    """Yield the patch of one condition; nothing if it is as it has to be."""
    if wanted is None:
        if before:
            yield {"type": kind, "$patch": "delete"}
        return
    if before is None or (before.status, before.reason, before.message) != (
        wanted.status,
        wanted.reason,
        wanted.message,
    ):
        has_same_status = before is not None and before.status == wanted.status
        yield {
            "type": kind,
            "status": wanted.status,
            "reason": wanted.reason,
            "message": wanted.message,
            "lastTransitionTime": (has_same_status and before and before.last_transition_time) or now,
        }


def _remark(remarks: tuple[Refusal, ...]) -> ConditionState | None:
    """Return the condition about annotations, which leaves the addresses as they are."""
    if not remarks:
        return None
    message = _shortened("; ".join(remark.message for remark in remarks))
    return ConditionState("False", remarks[0].reason.value, message)


def _assigned(outcome: Outcome) -> ConditionState:
    addresses = " and ".join(map(str, outcome.addresses))
    if outcome.refusal is None:
        if len(set(outcome.pools)) > 1:
            pairs = zip(outcome.addresses, outcome.pools, strict=True)
            message = " and ".join(f"{address} from pool {pool}" for address, pool in pairs)
            return ConditionState("True", ASSIGNED, message)
        return ConditionState("True", ASSIGNED, f"{addresses} from pool {outcome.pool}")
    reason, why = outcome.refusal.reason.value, _shortened(outcome.refusal.message)
    if not addresses:
        return ConditionState("False", reason, why)
    return ConditionState("True", reason, f"{why}; keeps {addresses}")


def _shortened(message: str) -> str:
    return message if len(message) <= LONGEST_REASON else f"{message[: LONGEST_REASON - 1]}…"


def _address_changes(service: Service, outcome: Outcome) -> Iterator[AddressChange]:
    """Yield each address that the Service gets or loses."""
    lost = dict(outcome.lost)
    for address in service.held:
        if address not in outcome.addresses:
            refusal = lost.get(address)
            reason = {"reason": refusal.reason.value, "why": refusal.message} if refusal else {"reason": REPLACED}
            yield AddressChange(
                is_assigned=False, fields={"service": str(service.key), "address": str(address), **reason}
            )
    for address, pool in zip(outcome.addresses, outcome.pools, strict=True):
        if address not in service.held:
            reason = {"reason": outcome.refusal.reason.value if outcome.refusal else ASSIGNED}
            fields = {"service": str(service.key), "address": str(address), "pool": pool, **reason}
            yield AddressChange(is_assigned=True, fields=fields)


def _events(
    service: Service, outcome: Outcome, assigned: ConditionState, remark: ConditionState | None
) -> Iterator[EventDraft]:
    """Yield one event for all that is new: a write has one at most, so a remark about annotations is part of it."""
    before = service.condition.reason if service.condition else ""
    new = remark if remark and (service.remark is None or service.remark.message != remark.message) else None
    if service.held != outcome.addresses or before != assigned.reason:
        yield _event(service, outcome, assigned, new)
    elif new:
        yield service_event(service, "Warning", new.reason, new.message, "Read")


def _event(service: Service, outcome: Outcome, assigned: ConditionState, remark: ConditionState | None) -> EventDraft:
    released = [str(address) for address in service.held if address not in outcome.addresses]
    why = next((f": {refusal.message}" for _, refusal in outcome.lost), "")
    message = f"{assigned.message}; released {' and '.join(released)}{why}" if released else assigned.message
    message = f"{message}; {remark.message}" if remark else message
    if remark and not outcome.refusal:
        return service_event(service, "Warning", remark.reason, message, "Assign")
    return service_event(service, "Warning" if outcome.refusal else "Normal", assigned.reason, message, "Assign")


def _clean(service: Service) -> tuple[StatusWrite, list[EventDraft]]:
    """Remove our entries from a Service that ExaLB does not manage any more; those of another controller stay."""
    condition = service.condition
    ours = (
        *((CONDITION, condition), (UNDERSTOOD, service.remark), (RECORD, service.record)),
        (ConditionType.ANNOUNCED.value, service.announced),
    )
    status: dict[str, Any] = {"conditions": [{"type": kind, "$patch": "delete"} for kind, state in ours if state]}
    released: tuple[AddressChange, ...] = ()
    if service.held and has_only_ours(service):
        status["loadBalancer"] = {"ingress": []}
        fields = {"service": str(service.key), "reason": NOT_MANAGED}
        released = tuple(
            AddressChange(is_assigned=False, fields={**fields, "address": str(address)}) for address in service.held
        )
    write = service_write(service, status, released)
    if condition is None or condition.status != "True":
        return write, []
    message = f"released: the Service is no longer managed by ExaLB (was: {condition.message})"
    return write, [service_event(service, "Normal", RELEASED, message, "Release")]


def service_write(service: Service, status: dict[str, Any], addresses: tuple[AddressChange, ...]) -> StatusWrite:
    """Return the write of a status of a Service, refused where somebody changed the Service meanwhile."""
    body = {"metadata": {"resourceVersion": service.resource_version}, "status": status}
    namespace, name = service.key
    return StatusWrite(
        "Service", namespace, name, service.uid, service.resource_version, body, "strategic", addresses=addresses
    )


def service_event(
    service: Service, kind: Literal["Normal", "Warning"], reason: str, message: str, action: str
) -> EventDraft:
    """Return an event about a Service, posted once the write of its status has succeeded."""
    namespace, name = service.key
    after = ObjectKey("Service", namespace, name)
    return EventDraft("Service", "v1", namespace, name, service.uid, kind, reason, message, action, after)
