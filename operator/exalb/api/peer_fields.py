"""Types of the fields of a BGPPeer: AS numbers, BGP identifiers, names of interfaces, and values that nodes have."""

import re
from ipaddress import IPv4Address, ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from exalb.api.schema import ASN, IS_IP, IPText, Model, cel, rules
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
    """Return whether an address is an IPv6 link-local one, which is valid on one interface only (RFC 4291 §2.5.6)."""
    return address.version == 6 and address.is_link_local


def is_host_address(address: Address) -> bool:
    """Return whether a router can send packets to an address over any of its links, as it must to a next hop.

    Routers answer any other next hop with an error (RFC 4271 §6.3; FRR: "Martian nexthop").
    """
    if isinstance(address, IPv4Address):
        return 0 < int(address) >> 24 < 224 and not address.is_loopback
    is_special = address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local
    return not is_special and address.ipv4_mapped is None


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
        raise ValueError(f"{text!r} is not a router ID: write an IPv4 address such as 203.0.113.11 (RFC 6286)")
    return text


RouterID = Annotated[
    IPText,
    AfterValidator(_is_router_id),
    Field(
        json_schema_extra=rules(
            IS_IP,
            cel(
                "!isIP(self) || (ip(self).family() == 4 && self != '0.0.0.0')",
                "is not a router ID: write an IPv4 address such as 203.0.113.11 (RFC 6286)",
            ),
        )
    ),
]


def _is_interface(text: str) -> str:
    if not re.fullmatch(_INTERFACE, text):
        raise ValueError(f"{text!r} is not a name of a network interface: write it like eth0")
    return text


_INTERFACE = "[A-Za-z0-9][A-Za-z0-9._-]*"

InterfaceName = Annotated[
    str,
    AfterValidator(_is_interface),
    Field(
        max_length=15,
        json_schema_extra=rules(
            cel(f"self.matches('^{_INTERFACE}$')", "is not a name of a network interface: write it like eth0")
        ),
    ),
]


def _is_annotation(text: str) -> str:
    if not re.fullmatch(_ANNOTATION, text):
        raise ValueError(f"{text!r} {_NO_ANNOTATION}")
    return text


_ANNOTATION = r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_NO_ANNOTATION = "is not a key of an annotation: write it like example.com/router"

AnnotationKey = Annotated[
    str,
    AfterValidator(_is_annotation),
    Field(max_length=317, json_schema_extra=rules(cel(f"self.matches('^{_ANNOTATION}$')", _NO_ANNOTATION))),
]


class FromNode(Model):
    """A value that each node gives for itself."""

    node_annotation: AnnotationKey
    """Key of the annotation of the Node that holds it."""


class AddressFromNode(Model):
    """An address that each node gives for itself, from exactly one source."""

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
