"""What is to be written to the API server, as values: status patches, and the events that tell of them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from exalb.resources.common import GROUP, VERSION

API_VERSION = f"{GROUP}/{VERSION}"

READY = "Ready"
"""The condition that all our custom resources have: whether all that the spec says is in effect."""


class ObjectKey(NamedTuple):
    """Names one object of the cluster."""

    kind: str
    namespace: str | None
    name: str


@dataclass(frozen=True, slots=True)
class StatusWrite:
    """A patch of one object's /status."""

    kind: str
    namespace: str | None
    name: str
    uid: str
    resource_version: str | None
    """The version that the decision was made from; also in the body, so that the server refuses if it is outdated."""
    body: Mapping[str, Any]
    patch: Literal["strategic", "merge"]
    create: Mapping[str, Any] | None = None
    """The object to create first, where there is none."""


@dataclass(frozen=True, slots=True)
class EventNote:
    """An event for people (events.k8s.io/v1), posted once the write `after` has succeeded."""

    kind: str
    api_version: str
    namespace: str | None
    name: str
    uid: str
    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    action: str
    after: ObjectKey | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """All that one round writes; empty when the cluster says already what it should."""

    writes: tuple[StatusWrite, ...] = ()
    events: tuple[EventNote, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A condition as it should be; the time comes from what stood there before."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""
    observed_generation: int | None = field(default=None)


def conditions(current: Iterable[Mapping[str, Any]], wanted: Iterable[Wanted], now: str) -> list[dict[str, Any]]:
    """Return the conditions to write; the transition time changes only with the status (API conventions)."""
    before = {condition.get("type"): condition for condition in current}
    written = []
    for one in wanted:
        old = before.get(one.type, {})
        stands = old.get("status") == one.status and old.get("lastTransitionTime")
        condition = {
            "type": one.type,
            "status": one.status,
            "reason": one.reason,
            "message": one.message,
            "lastTransitionTime": old["lastTransitionTime"] if stands else now,
        }
        if one.observed_generation is not None:
            condition["observedGeneration"] = one.observed_generation
        written.append(condition)
    return written


def status_patch(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the merge patch (RFC 7386) that makes `current` the status `wanted`, or None where it is already."""
    patch: dict[str, Any] = {key: value for key, value in wanted.items() if current.get(key) != value}
    patch.update({key: None for key in current if key not in wanted})
    return patch or None
