"""BGPPeer: a router that nodes open BGP sessions with."""

import re
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from exalb.resources.common import (
    ASN,
    IS_IP,
    LIST_SET,
    Conditions,
    Flag,
    HostText,
    IPText,
    LabelSelectors,
    Model,
    Name,
    Seconds,
    cel,
    each_once,
    is_seconds,
    rules,
)

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


def _is_hold_time(seconds: int) -> int:
    if seconds != 0 and not 3 <= seconds <= 65535:
        raise ValueError("must be 0 (no keepalives) or 3 to 65535 seconds (RFC 4271)")
    return seconds


def _is_restart_time(seconds: int) -> int:
    if not 1 <= seconds <= 4095:
        raise ValueError("must be 1 to 4095 seconds (RFC 4724)")
    return seconds


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


class SecretReference(Model):
    """A Secret of type kubernetes.io/basic-auth in ExaLB's own namespace; its key `password` is the TCP MD5 key."""

    name: Name
    """Name of the Secret."""


class GracefulRestart(Model):
    """Whether the peer shall keep forwarding while this node's BGP engine restarts (RFC 4724)."""

    enabled: Flag = True
    """Whether graceful restart is offered to the peer."""
    restart_time: Annotated[
        Seconds,
        AfterValidator(_is_restart_time),
        Field(json_schema_extra=is_seconds(1, 4095, "must be 1 to 4095 seconds (RFC 4724)")),
    ] = 120
    """How long the peer waits for this node to come back."""


class BGPPeerSpec(Model):
    """The desired state of a BGPPeer."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "!has(self.sourceAddress) || !isIP(self.sourceAddress) || !isIP(self.peerAddress)"
                " || ip(self.sourceAddress).family() == ip(self.peerAddress).family()",
                "must be of the same family as peerAddress",
                fieldPath=".sourceAddress",
            ),
            cel(
                "!(self.ttlSecurity && self.ebgpMultiHop)",
                "ttlSecurity is for directly connected peers: set either it or ebgpMultiHop",
                fieldPath=".ttlSecurity",
            ),
            cel(
                "!(self.ebgpMultiHop && self.myASN == self.peerASN)",
                "has no meaning towards a peer in the same AS: leave it out",
                fieldPath=".ebgpMultiHop",
            ),
        )
    )

    my_asn: Annotated[AssignableASN, Field(alias="myASN")]
    """The AS number of the nodes."""
    peer_asn: Annotated[AssignableASN, Field(alias="peerASN")]
    """The AS number of the router; equal to `myASN` makes the session iBGP."""
    peer_address: HostText
    """The address of the router."""
    peer_port: Annotated[int, Field(strict=True, ge=1, le=65535)] = 179
    """The TCP port on which the router listens."""
    source_address: HostText | None = None
    """The local address of the session; unset leaves it to the node's routing table."""
    source_interface: InterfaceName | None = None
    """The network interface that the session is bound to; unset leaves it to the node's routing table."""
    router_id: Annotated[RouterID | None, Field(alias="routerID")] = None
    """BGP identifier; unset takes the node's IPv4 address, or a number made of its name where it has none."""
    hold_time: Annotated[
        Seconds,
        AfterValidator(_is_hold_time),
        Field(
            json_schema_extra=is_seconds(
                3, 65535, "must be 0 (no keepalives) or 3 to 65535 seconds (RFC 4271)", or_zero=True
            )
        ),
    ] = 90
    """How long the session outlives silence, such as 90 or 90s; keepalives go out three times as often."""
    password_secret_ref: SecretReference | None = None
    """Where the key of the session's TCP MD5 signatures (RFC 2385) stands; unset means none."""
    ebgp_multi_hop: Flag = False
    """Whether the router may be more than one hop away."""
    ttl_security: Flag = False
    """GTSM (RFC 5082): accept only what comes from a directly connected router."""
    graceful_restart: GracefulRestart = GracefulRestart()
    """Whether traffic goes on while this node's BGP engine restarts."""
    families: Annotated[
        tuple[Literal["IPv4", "IPv6"], ...],
        Field(min_length=1, max_length=2, json_schema_extra=LIST_SET),
        AfterValidator(each_once),
    ] = ("IPv4", "IPv6")
    """Which families the session carries."""
    next_hop: HostText | None = None
    """Next hop of the prefixes of its own family, in place of the node's address."""
    node_selectors: LabelSelectors = ()
    """The nodes that open this session; unset means all."""

    @model_validator(mode="after")
    def _fits_together(self) -> "BGPPeerSpec":
        if self.source_address and ip_address(self.source_address).version != ip_address(self.peer_address).version:
            raise ValueError("sourceAddress: must be of the same family as peerAddress")
        if self.ttl_security and self.ebgp_multi_hop:
            raise ValueError("ttlSecurity: is for directly connected peers: set either it or ebgpMultiHop")
        if self.ebgp_multi_hop and self.my_asn == self.peer_asn:
            raise ValueError("ebgpMultiHop: has no meaning towards a peer in the same AS: leave it out")
        return self


class BGPPeerStatus(Model):
    """The observed state of a BGPPeer over all nodes."""

    established: int = 0
    """How many nodes have the session up."""
    wanted: int = 0
    """How many nodes should have it."""
    sessions: Annotated[str, Field(max_length=64)] | None = None
    """Established and wanted sessions, for the column of `kubectl get`."""
    conditions: Conditions = ()
    """Whether the peer is in force, and why not."""
