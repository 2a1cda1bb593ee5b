"""Our custom resources, as the API server sends them, into the values of `cluster`. Pure."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from exalb.cluster import Advertisement, CommunityNames, Peer, Pool, SpeakerReport
from exalb.parse import NOT_YET_CREATED, MalformedError, Raw, created, text_map
from exalb.reasons import Invalid, Reason
from exalb.resources.advertisement import BGPAdvertisementSpec
from exalb.resources.common import Model
from exalb.resources.community import CommunitySpec
from exalb.resources.peer import BGPPeerSpec
from exalb.resources.pool import IPAddressPoolSpec
from exalb.resources.sentences import mistakes

Spec = TypeVar("Spec", bound=BaseModel)


def parse_pool(raw: Raw) -> Pool:
    """Read an IPAddressPool; where its spec breaks the schema, the value says so."""
    return Pool(**_parts(raw, "IPAddressPool", IPAddressPoolSpec))


def parse_peer(raw: Raw) -> Peer:
    """Read a BGPPeer; where its spec breaks the schema, the value says so."""
    return Peer(**_parts(raw, "BGPPeer", BGPPeerSpec))


def parse_advertisement(raw: Raw) -> Advertisement:
    """Read a BGPAdvertisement; where its spec breaks the schema, the value says so."""
    return Advertisement(**_parts(raw, "BGPAdvertisement", BGPAdvertisementSpec))


def parse_community_names(raw: Raw) -> CommunityNames:
    """Read a Community; where its spec breaks the schema, the value says so."""
    return CommunityNames(**_parts(raw, "Community", CommunitySpec))


def parse_speaker(raw: Raw) -> SpeakerReport:
    """Read a BGPSpeaker, which is all status."""
    parts = _parts(raw, "BGPSpeaker", Model)
    del parts["spec"]
    return SpeakerReport(**parts)


def _parts(raw: Raw, kind: str, model: type[BaseModel]) -> dict[str, Any]:
    """Return the fields of a custom resource; one that cannot be read is there all the same, and out of force."""
    metadata, status = raw["metadata"], raw.get("status")
    spec, invalid = _spec(raw, kind, model)
    try:
        labels, since = text_map(metadata.get("labels")), created(metadata)
    except MalformedError as error:
        labels, since, spec = {}, NOT_YET_CREATED, None
        message = f"its metadata {error}"
        invalid = (Invalid(kind, metadata["name"], "spec", Reason.INVALID_SPEC, message), *invalid)
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


def _spec(raw: Raw, kind: str, model: type[Spec]) -> tuple[Spec | None, tuple[Invalid, ...]]:
    spec, name = raw.get("spec"), raw["metadata"]["name"]
    try:
        return model.model_validate({} if spec is None else spec), ()
    except ValidationError as error:
        found = mistakes(error)
    # A list whose items are refused is too short as well; that is no mistake of its own.
    inside = {loc[:length] for loc, _ in found for length in range(1, len(loc))}
    told = [_told(loc, message) for loc, message in found if loc not in inside]
    return None, tuple(Invalid(kind, name, field, Reason.INVALID_SPEC, message) for field, message in told)


def _told(loc: tuple[int | str, ...], message: str) -> tuple[str, str]:
    """Return the field and the sentence of one mistake."""
    path = "spec"
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    if named := re.fullmatch("([a-z][A-Za-z0-9]*): (.*)", message, re.DOTALL):
        path, message = f"{path}.{named[1]}", named[2]
    return path, message
