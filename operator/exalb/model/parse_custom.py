"""Our custom resources, as the API server sends them, into the values of `cluster`. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from exalb.api.definitions import Resource
from exalb.api.messages import mistakes
from exalb.api.reasons import Finding, Reason
from exalb.api.schema import Model
from exalb.api.speaker import BGPSpeakerStatus
from exalb.api.status import parse_status
from exalb.model.cluster import CustomResource, SpeakerReport
from exalb.model.parse_core import NOT_YET_CREATED, MalformedError, Raw, created, text_map

Spec = TypeVar("Spec", bound=BaseModel)


def custom_resource_parser(resource: Resource, value: type[CustomResource]) -> Callable[[Raw], CustomResource]:
    """Return the parser of a kind whose specs people write; where a spec breaks the schema, the value says so."""
    model = resource.spec or Model
    return lambda raw: value(**_parts(raw, resource.kind, model))


def parse_speaker(raw: Raw) -> SpeakerReport:
    """Read a BGPSpeaker, which is all status."""
    parts = _parts(raw, "BGPSpeaker", Model)
    del parts["spec"]
    return SpeakerReport(**parts, observed=parse_status(BGPSpeakerStatus, parts["status"]))


def _parts(raw: Raw, kind: str, model: type[BaseModel]) -> dict[str, Any]:
    """Return the fields of a custom resource; one with an invalid spec is there too, and inactive."""
    metadata, status = raw["metadata"], raw.get("status")
    spec, invalid = _spec(raw, kind, model)
    try:
        labels, since = text_map(metadata.get("labels")), created(metadata)
    except MalformedError as error:
        labels, since, spec = {}, NOT_YET_CREATED, None
        message = f"its metadata {error}"
        invalid = (Finding(kind, metadata["name"], "spec", Reason.INVALID_SPEC, message), *invalid)
    return {
        "name": metadata["name"],
        "uid": metadata.get("uid", ""),
        "created": since,
        "generation": metadata.get("generation"),
        "resource_version": metadata.get("resourceVersion", ""),
        "labels": labels,
        "status": status if isinstance(status, Mapping) else {},
        "invalid": invalid,
        "spec": spec,
    }


def _spec(raw: Raw, kind: str, model: type[Spec]) -> tuple[Spec | None, tuple[Finding, ...]]:
    spec, name = raw.get("spec"), raw["metadata"]["name"]
    try:
        return model.model_validate({} if spec is None else spec), ()
    except ValidationError as error:
        found = mistakes(error)
    # A list whose items are refused is too short as well; that is no mistake of its own.
    inside = {loc[:length] for loc, _ in found for length in range(1, len(loc))}
    located = [_located(loc, message) for loc, message in found if loc not in inside]
    return None, tuple(Finding(kind, name, field, Reason.INVALID_SPEC, message) for field, message in located)


def _located(loc: tuple[int | str, ...], message: str) -> tuple[str, str]:
    """Return the field and the sentence of one mistake."""
    path = "spec"
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    if named := re.fullmatch("([a-z][A-Za-z0-9]*): (.*)", message, re.DOTALL):
        path, message = f"{path}.{named[1]}", named[2]
    return path, message
