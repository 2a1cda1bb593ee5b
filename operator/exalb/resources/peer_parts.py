"""What a BGPPeer is made of: AS numbers, BGP identifiers, names of interfaces, and values that nodes have."""

import re
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from exalb.resources.common import ASN, IS_IP, IPText, Model, cel, rules
from exalb_bgp.rib import Address

RESERVED_ASNS = {23456: "AS_TRANS (RFC 6793)", 65535: "reserved (RFC 7300)", 4294967295: "reserved (RFC 7300)"}


def _is_assignable(asn: int) -> int:
    if asn in RESERVED_ASNS:
        raise ValueError(f"{asn} is {RESERVED_ASNS[asn]}: write the AS number of your network")
    return asn


AssignableASN = Annotated[
    ASN,
    AfterValidator(_is_assignable),
    Field(
        json_schema_extra=rules(
            cel(
                "!(self in [23456, 65535, 4294967295])",
                "is a reserved AS number (RFC 6793, RFC 7300): write the AS number of your network",
            )
        )
    ),
]


def is_link_local(address: Address) -> bool:
    """Tell whether an address is an IPv6 link-local one, which holds on one interface only (RFC 4291 §2.5.6)."""
    return address.version == 6 and address.is_link_local


def _is_router(text: str) -> str:
    address = ip_address(text)
    if address.is_multicast or address.is_unspecified or text == "255.255.255.255":
        raise ValueError(f"{text!r}: must be a unicast address")
    return text


RouterText = Annotated[
    IPText,
    AfterValidator(_is_router),
    Field(
        json_schema_extra=rules(
            IS_IP,
            cel(
                "!isIP(self) || ip(self).isGlobalUnicast() || ip(self).isLoopback() || ip(self).isLinkLocalUnicast()",
                "must be a unicast address",
            ),
        )
    ),
]
"""The address of a router, which may be a link-local one."""


def _is_router_id(text: str) -> str:
    if ip_address(text).version != 4 or text == "0.0.0.0":  # noqa: S104 - compared, never bound
        raise ValueError(f"{text!r} is no router ID: write an IPv4 address such as 203.0.113.11 (RFC 6286)")
    return text


RouterID = Annotated[
    IPText,
    AfterValidator(_is_router_id),
    Field(
        json_schema_extra=rules(
            IS_IP,
            cel(
                "!isIP(self) || (ip(self).family() == 4 && self != '0.0.0.0')",
                "is no router ID: write an IPv4 address such as 203.0.113.11 (RFC 6286)",
            ),
        )
    ),
]


def _is_interface(text: str) -> str:
    if not re.fullmatch(_INTERFACE, text):
        raise ValueError(f"{text!r} is no name of a network interface: write it like eth0")
    return text


_INTERFACE = "[A-Za-z0-9][A-Za-z0-9._-]*"

InterfaceName = Annotated[
    str,
    AfterValidator(_is_interface),
    Field(
        max_length=15,
        json_schema_extra=rules(
            cel(f"self.matches('^{_INTERFACE}$')", "is no name of a network interface: write it like eth0")
        ),
    ),
]


def _is_annotation(text: str) -> str:
    if not re.fullmatch(_ANNOTATION, text):
        raise ValueError(f"{text!r} {_NO_ANNOTATION}")
    return text


_ANNOTATION = r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_NO_ANNOTATION = "is no key of an annotation: write it like example.com/router"

AnnotationKey = Annotated[
    str,
    AfterValidator(_is_annotation),
    Field(max_length=317, json_schema_extra=rules(cel(f"self.matches('^{_ANNOTATION}$')", _NO_ANNOTATION))),
]


class FromNode(Model):
    """A value that each node has of its own."""

    node_annotation: AnnotationKey
    """Key of the annotation of the Node that holds it."""


class AddressFromNode(Model):
    """An address that each node has of its own; exactly one source of it."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel("has(self.nodeAnnotation) != has(self.defaultGateway)", "set either nodeAnnotation or defaultGateway")
        )
    )

    node_annotation: AnnotationKey | None = None
    """Key of the annotation of the Node that holds it."""
    default_gateway: Literal["IPv4", "IPv6"] | None = None
    """The router that the node's default route of this family leads to."""

    @model_validator(mode="after")
    def _from_one_source(self) -> "AddressFromNode":
        if (self.node_annotation is None) == (self.default_gateway is None):
            raise ValueError("set either nodeAnnotation or defaultGateway")
        return self
