"""Our custom resources, as the API server sends them, into the values of `cluster`. Pure."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from exalb.cluster import Advertisement, Peer, Pool, SpeakerReport
from exalb.parse import NOT_YET_CREATED, Raw
from exalb.reasons import Invalid, Reason
from exalb.resources.advertisement import BGPAdvertisementSpec
from exalb.resources.peer import BGPPeerSpec
from exalb.resources.pool import IPAddressPoolSpec

Spec = TypeVar("Spec", bound=BaseModel)


def parse_pool(raw: Raw) -> Pool:
    """Read an IPAddressPool; where its spec breaks the schema, the value says so."""
    spec, invalid = _spec(raw, "IPAddressPool", IPAddressPoolSpec)
    return Pool(**_common(raw, invalid), spec=spec)


def parse_peer(raw: Raw) -> Peer:
    """Read a BGPPeer; where its spec breaks the schema, the value says so."""
    spec, invalid = _spec(raw, "BGPPeer", BGPPeerSpec)
    return Peer(**_common(raw, invalid), spec=spec)


def parse_advertisement(raw: Raw) -> Advertisement:
    """Read a BGPAdvertisement; where its spec breaks the schema, the value says so."""
    spec, invalid = _spec(raw, "BGPAdvertisement", BGPAdvertisementSpec)
    return Advertisement(**_common(raw, invalid), spec=spec)


def parse_speaker(raw: Raw) -> SpeakerReport:
    """Read a BGPSpeaker, which is all status."""
    return SpeakerReport(**_common(raw, None))


def _common(raw: Raw, invalid: Invalid | None) -> dict[str, Any]:
    metadata = raw["metadata"]
    labels = metadata.get("labels") or {}
    return {
        "name": metadata["name"],
        "uid": metadata.get("uid", ""),
        "created": metadata.get("creationTimestamp") or NOT_YET_CREATED,
        "generation": metadata.get("generation"),
        "resource_version": metadata.get("resourceVersion", ""),
        "labels": {str(key): str(value) for key, value in labels.items()},
        "status": raw.get("status") or {},
        "invalid": invalid,
    }


def _spec(raw: Raw, kind: str, model: type[Spec]) -> tuple[Spec | None, Invalid | None]:
    spec: Mapping[str, Any] | None = raw.get("spec")
    try:
        return model.model_validate({} if spec is None else spec), None
    except ValidationError as error:
        field, message = _first(error)
        return None, Invalid(kind, raw["metadata"]["name"], field, Reason.INVALID_SPEC, message)


def _first(error: ValidationError) -> tuple[str, str]:
    """Return the field and the sentence of the first mistake, and how many more there are."""
    details = error.errors(include_url=False, include_input=False)
    message = details[0]["msg"].removeprefix("Value error, ")
    parts = [part for part in details[0]["loc"] if isinstance(part, int) or not part.startswith("function-")]
    path = "spec"
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    if not parts and ": " in message and message.split(": ", 1)[0].isidentifier():
        field, message = message.split(": ", 1)
        path = f"spec.{field}"
    if len(details) > 1:
        message += f" (and {len(details) - 1} more)"
    return path, message
