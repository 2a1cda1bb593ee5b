"""Conditions and status patches of our custom resources. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from exalb.api.reasons import ConditionType, Reason
from exalb.api.schema import Condition, Model
from exalb.api.status import render_status
from exalb.model.cluster import CustomResource
from exalb.model.patches import StatusWrite


@dataclass(frozen=True, slots=True)
class DesiredCondition:
    """A condition as it should be; its time comes from the condition that it replaces."""

    type: ConditionType
    status: Literal["True", "False", "Unknown"]
    reason: Reason
    message: str = ""
    observed_generation: int | None = None


def find_condition(current: Iterable[Condition], kind: ConditionType) -> Condition | None:
    """Return the condition of this type."""
    return next((condition for condition in current if condition.type == kind.value), None)


def conditions(current: Iterable[Condition], desired: Iterable[DesiredCondition], now: str) -> tuple[Condition, ...]:
    """Return the conditions to write; the transition time changes only with the status (API conventions)."""
    current = tuple(current)
    return tuple(_condition(find_condition(current, condition.type), condition, now) for condition in desired)


def _condition(before: Condition | None, desired: DesiredCondition, now: str) -> Condition:
    unchanged = before is not None and before.status == desired.status
    return Condition(
        type=desired.type.value,
        status=desired.status,
        reason=desired.reason.value,
        message=desired.message,
        observed_generation=desired.observed_generation,
        last_transition_time=before.last_transition_time if before and unchanged else now,
    )


def status_patch(current: Mapping[str, Any], desired: Model) -> dict[str, Any] | None:
    """Return the merge patch (RFC 7386) from `current` to the status `desired`, or None where they are equal."""
    rendered = render_status(desired)
    patch: dict[str, Any] = {
        key: _whole(current.get(key), value) for key, value in rendered.items() if current.get(key) != value
    }
    patch.update({key: None for key in current if key not in rendered})
    return patch or None


def _whole(before: object, value: object) -> object:
    """Return an object with null for what it no longer has: a merge patch would keep that."""
    if not isinstance(before, Mapping) or not isinstance(value, Mapping):
        return value
    return {**{key: None for key in before if key not in value}, **value}


def status_write(kind: str, resource: CustomResource, patch: Mapping[str, Any]) -> StatusWrite:
    """Return the write of `patch` to the status of `resource`, refused where somebody changed it meanwhile."""
    body = {"metadata": {"resourceVersion": resource.resource_version}, "status": patch}
    return StatusWrite(kind, None, resource.name, resource.uid, resource.resource_version, body, "merge")
