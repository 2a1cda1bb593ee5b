"""BGPPeer: a router that nodes open BGP sessions with."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from exalb.resources.common import (
    LIST_SET,
    Conditions,
    Flag,
    HostText,
    LabelSelectors,
    Model,
    Name,
    Seconds,
    cel,
    each_once,
    is_seconds,
    rules,
    several,
)
from exalb.resources.peer_parts import (
    AddressFromNode,
    AssignableASN,
    FromNode,
    InterfaceName,
    RouterID,
    RouterText,
    is_link_local,
)


def _is_hold_time(seconds: int) -> int:
    if seconds != 0 and not 3 <= seconds <= 65535:
        raise ValueError("must be 0 (no keepalives) or 3 to 65535 seconds (RFC 4271)")
    return seconds


def _is_restart_time(seconds: int) -> int:
    if not 1 <= seconds <= 4095:
        raise ValueError("must be 1 to 4095 seconds (RFC 4724)")
    return seconds


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


def _is_set(flag: str) -> str:
    return f"has(self.{flag}) && self.{flag}"


_EITHER = "set either {0} or {0}From"
_AT_ADDRESS = {"fieldPath": ".peerAddress"}
_WITHOUT_INTERFACE = "is link-local: name the interface behind which the router is, as sourceInterface"
_THROUGH_ITSELF = "must not be the router's own address: it takes no route through itself (RFC 4271)"
_WHERE_TO_WAIT = "set passive and localPort, on which nodes wait to be called, or neither"
_ONLY_BY_CALLING = "calls no port, and has no interface and no GTSM: leave peerPort, sourceInterface, ttlSecurity out"
_BOTH_FAMILIES = "is for sessions that carry both families: leave families out"
VERSIONS = {"IPv4": 4, "IPv6": 6}


class BGPPeerSpec(Model):
    """The desired state of a BGPPeer."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel("has(self.peerAddress) != has(self.peerAddressFrom)", _EITHER.format("peerAddress"), **_AT_ADDRESS),
            *(
                cel(
                    f"has(self.{field}) != has(self.{field}From) || (has(self.template) && !has(self.{field}))",
                    _EITHER.format(field),
                    fieldPath=f".{field}",
                )
                for field in ("myASN", "peerASN")
            ),
            cel(
                "!(has(self.routerID) && has(self.routerIDFrom))",
                _EITHER.format("routerID"),
                fieldPath=".routerID",
            ),
            cel(
                "!has(self.sourceAddress) || !isIP(self.sourceAddress) || !has(self.peerAddress)"
                " || !isIP(self.peerAddress) || ip(self.sourceAddress).family() == ip(self.peerAddress).family()",
                "must be of the same family as peerAddress",
                fieldPath=".sourceAddress",
            ),
            cel(
                "!has(self.sourceAddress) || !isIP(self.sourceAddress) || !has(self.peerAddressFrom)"
                " || !has(self.peerAddressFrom.defaultGateway)"
                " || ip(self.sourceAddress).family() == (self.peerAddressFrom.defaultGateway == 'IPv4' ? 4 : 6)",
                "must be of the same family as the default gateway",
                fieldPath=".sourceAddress",
            ),
            cel(
                "!has(self.peerAddress) || !isIP(self.peerAddress) || ip(self.peerAddress).family() == 4"
                " || !ip(self.peerAddress).isLinkLocalUnicast() || has(self.sourceInterface) || has(self.template)",
                _WITHOUT_INTERFACE,
                **_AT_ADDRESS,
            ),
            cel(
                "!has(self.nextHop) || !has(self.peerAddress) || self.nextHop != self.peerAddress",
                _THROUGH_ITSELF,
                fieldPath=".nextHop",
            ),
            cel(
                f"!({_is_set('ttlSecurity')} && {_is_set('ebgpMultiHop')})",
                "ttlSecurity is for directly connected peers: set either it or ebgpMultiHop",
                fieldPath=".ttlSecurity",
            ),
            cel(
                f"({_is_set('passive')}) == has(self.localPort) || has(self.template)",
                _WHERE_TO_WAIT,
                fieldPath=".localPort",
            ),
            cel(
                f"!({_is_set('passive')})"
                f" || (!has(self.peerPort) && !has(self.sourceInterface) && !({_is_set('ttlSecurity')}))",
                _ONLY_BY_CALLING,
                fieldPath=".passive",
            ),
            cel(
                f"!({_is_set('ebgpMultiHop')} && has(self.myASN) && has(self.peerASN) && self.myASN == self.peerASN)",
                "has no meaning towards a peer in the same AS: leave it out",
                fieldPath=".ebgpMultiHop",
            ),
            cel(
                f"!({_is_set('extendedNextHop')} && has(self.families)) || size(self.families) == 2",
                _BOTH_FAMILIES,
                fieldPath=".extendedNextHop",
            ),
        )
    )

    template: Name | None = None
    """Another BGPPeer: what is unset here is as it is there, but for the address of the router and `nodeSelectors`."""
    my_asn: Annotated[AssignableASN | None, Field(alias="myASN")] = None
    """The AS number of the nodes."""
    my_asn_from: Annotated[FromNode | None, Field(alias="myASNFrom")] = None
    """In place of `myASN`: each node has an AS number of its own."""
    peer_asn: Annotated[AssignableASN | None, Field(alias="peerASN")] = None
    """The AS number of the router; equal to `myASN` makes the session iBGP."""
    peer_asn_from: Annotated[FromNode | None, Field(alias="peerASNFrom")] = None
    """In place of `peerASN`: each node knows that of its router, so that one object serves every rack."""
    peer_address: RouterText | None = None
    """The address of the router; a link-local one needs `sourceInterface`."""
    peer_address_from: AddressFromNode | None = None
    """In place of `peerAddress`: each node knows its router, so that one object serves every rack."""
    peer_port: Annotated[int, Field(strict=True, ge=1, le=65535)] = 179
    """The TCP port on which the router listens; unset means 179."""
    passive: Flag = False
    """Whether nodes wait for the router to call instead of calling it; unset means no."""
    local_port: Annotated[int, Field(strict=True, ge=1024, le=65535)] | None = None
    """The TCP port on which nodes wait, with `passive`; one from 1024 on, since the engine has no rights."""
    source_address: HostText | None = None
    """The local address of the session; unset leaves it to the routing table, or with `passive` is the node's own."""
    source_interface: InterfaceName | None = None
    """The network interface that the session is bound to; unset leaves it to the node's routing table."""
    router_id: Annotated[RouterID | None, Field(alias="routerID")] = None
    """BGP identifier; unset takes the node's IPv4 address, or a number made of its name where it has none."""
    router_id_from: Annotated[FromNode | None, Field(alias="routerIDFrom")] = None
    """In place of `routerID`: each node has a BGP identifier of its own."""
    hold_time: Annotated[
        Seconds,
        AfterValidator(_is_hold_time),
        Field(
            json_schema_extra=is_seconds(
                3, 65535, "must be 0 (no keepalives) or 3 to 65535 seconds (RFC 4271)", or_zero=True
            )
        ),
    ] = 90
    """How long the session outlives silence, such as 30 or 1m30s; keepalives go out three times as often. Unset means
    90."""
    password_secret_ref: SecretReference | None = None
    """Where the key of the session's TCP MD5 signatures (RFC 2385) stands; unset means none."""
    ebgp_multi_hop: Flag = False
    """Whether the router may be more than one hop away; unset means no."""
    ttl_security: Flag = False
    """GTSM (RFC 5082): accept only what comes from a directly connected router; unset means no."""
    graceful_restart: GracefulRestart = GracefulRestart()
    """Whether traffic goes on while this node's BGP engine restarts; unset means for 120 seconds."""
    families: Annotated[
        tuple[Literal["IPv4", "IPv6"], ...],
        Field(min_length=1, max_length=2, json_schema_extra=LIST_SET),
        AfterValidator(each_once),
    ] = ("IPv4", "IPv6")
    """Which families the session carries; unset means both."""
    next_hop: HostText | None = None
    """Next hop of the prefixes of its own family, in place of the node's address; with `extendedNextHop` an IPv6 one is
    that of IPv4 prefixes too."""
    extended_next_hop: Flag = False
    """Over IPv6, tell IPv4 prefixes with IPv6 next hops (RFC 8950), for nodes without an IPv4 address that the router
    can reach. The router must agree, or these prefixes are held back. Unset means no."""
    node_selectors: LabelSelectors = ()
    """The nodes that open this session; unset means all."""

    @property
    def asks_nodes(self) -> bool:
        """Whether some value comes from each node itself."""
        return any((self.my_asn_from, self.peer_asn_from, self.peer_address_from, self.router_id_from, self.passive))

    @model_validator(mode="after")
    def _fits_together(self) -> "BGPPeerSpec":
        wrong = self.mistakes()
        if wrong:
            raise several("BGPPeerSpec", wrong)
        return self

    def mistakes(self) -> list[tuple[str, str]]:
        """Return which fields do not fit the others, each with a sentence; of a valid spec none."""
        return [(field, message) for is_wrong, field, message in self._possible_mistakes() if is_wrong]

    def _possible_mistakes(self) -> Iterator[tuple[bool, str, str]]:
        """Yield what could be wrong, whether it is, and in which field."""
        for field, *asn in (("myASN", self.my_asn, self.my_asn_from), ("peerASN", self.peer_asn, self.peer_asn_from)):
            is_left = self.template is not None and asn == [None, None]
            yield (asn[0] is None) == (asn[1] is None) and not is_left, field, _EITHER.format(field)
        both = (self.peer_address, self.peer_address_from)
        yield (both[0] is None) == (both[1] is None), "peerAddress", _EITHER.format("peerAddress")
        yield bool(self.router_id and self.router_id_from), "routerID", _EITHER.format("routerID")
        source = ip_address(self.source_address).version if self.source_address else None
        if source and both[0]:
            wrong = source != ip_address(both[0]).version
            yield wrong, "sourceAddress", "must be of the same family as peerAddress"
        if source and both[1] and both[1].default_gateway:
            wrong = source != VERSIONS[both[1].default_gateway]
            yield wrong, "sourceAddress", "must be of the same family as the default gateway"
        link_local = both[0] is not None and is_link_local(ip_address(both[0]))
        yield link_local and not self.source_interface and not self.template, "peerAddress", _WITHOUT_INTERFACE
        is_itself = self.next_hop and both[0] and ip_address(self.next_hop) == ip_address(both[0])
        yield bool(is_itself), "nextHop", _THROUGH_ITSELF
        message = "is for directly connected peers: set either it or ebgpMultiHop"
        yield self.ttl_security and self.ebgp_multi_hop, "ttlSecurity", message
        yield self.passive != bool(self.local_port) and not self.template, "localPort", _WHERE_TO_WAIT
        calls = "peer_port" in self.model_fields_set or bool(self.source_interface or self.ttl_security)
        yield self.passive and calls, "passive", _ONLY_BY_CALLING
        same = self.my_asn is not None and self.my_asn == self.peer_asn
        message = "has no meaning towards a peer in the same AS: leave it out"
        yield self.ebgp_multi_hop and same, "ebgpMultiHop", message
        yield self.extended_next_hop and len(self.families) < len(VERSIONS), "extendedNextHop", _BOTH_FAMILIES


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
