"""Values that nodes have in annotations, for peers that ask them. Pure."""

import re
from collections.abc import Callable
from ipaddress import IPv4Address, ip_address
from typing import NamedTuple, TypeVar

from pydantic import TypeAdapter, ValidationError

from exalb.api.messages import mistakes
from exalb.api.peer_fields import AddressFromNode, AssignableASN, FromNode, RouterID
from exalb.api.reasons import Reason
from exalb.api.schema import HostText
from exalb.model.cluster import Node
from exalb_bgp.rib import Address

Value = TypeVar("Value")


class FieldError(NamedTuple):
    """Why a node has no session with a peer."""

    field: str
    reason: Reason
    message: str


class InvalidFieldError(Exception):
    """Carries the error of one value."""

    def __init__(self, field: str, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.error = FieldError(field, reason, message)


def read_node_annotation(
    node: Node, field: str, source: FromNode | AddressFromNode | None, read: Callable[[str], Value]
) -> Value:
    """Return what the annotation that `source` names says, as `read` reads it. Raises InvalidFieldError.

    `field` is the one of the BGPPeer that names it.
    """
    key = (source and source.node_annotation) or ""
    field = f"spec.{field}.nodeAnnotation"
    text = node.annotations.get(key, "").strip()
    if not text:
        message = f"node {node.name} has no annotation {key}: set it, or leave the node out by nodeSelectors"
        raise InvalidFieldError(field, Reason.NODE_ANNOTATION_MISSING, message)
    try:
        return read(text)
    except ValidationError as error:
        why = mistakes(error)[0][1]
        shown = "" if repr(text) in why else f"{text[:40]!r}: "
        message = f"annotation {key} of node {node.name}: {shown}{why}"
        raise InvalidFieldError(field, Reason.NODE_ANNOTATION_INVALID, message) from None


_HOST: TypeAdapter[str] = TypeAdapter(HostText)
_ASN: TypeAdapter[int] = TypeAdapter(AssignableASN)
_IDENTIFIER: TypeAdapter[str] = TypeAdapter(RouterID)


def host_address(text: str) -> Address:
    """Read the address of a router; raises ValidationError."""
    return ip_address(_HOST.validate_python(text))


def asn(text: str) -> int:
    """Read an AS number; raises ValidationError."""
    return _ASN.validate_python(int(text) if re.fullmatch("[0-9]{1,10}", text) else text)


def identifier(text: str) -> IPv4Address:
    """Read a BGP identifier; raises ValidationError."""
    return IPv4Address(_IDENTIFIER.validate_python(text))
