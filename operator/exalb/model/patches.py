"""Writes to the API server as values: status patches, and events about them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from exalb.api.schema import GROUP, VERSION

API_VERSION = f"{GROUP}/{VERSION}"


class ObjectKey(NamedTuple):
    """Names one object of the cluster."""

    kind: str
    namespace: str | None
    name: str


@dataclass(frozen=True, slots=True)
class AddressChange:
    """An address that a write assigns to a Service or releases, with the fields of its line in the log."""

    is_assigned: bool
    fields: Mapping[str, str]


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
    addresses: tuple[AddressChange, ...] = ()
    """The addresses that it assigns and releases, for the log."""


@dataclass(frozen=True, slots=True)
class EventDraft:
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
    events: tuple[EventDraft, ...] = ()
