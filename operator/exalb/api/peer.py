"""BGPPeer: a router that nodes open BGP sessions with."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from exalb.api.bfd import Bfd
from exalb.api.peer_fields import (
    AddressFromNode,
    AssignableASN,
    FromNode,
    InterfaceName,
    RouterID,
    RouterText,
    is_link_local,
)
from exalb.api.schema import (
    LIST_SET,
    Conditions,
    Flag,
    HostText,
    LabelSelectors,
    Model,
    Name,
    ObservedGeneration,
    Seconds,
    cel,
    each_once,
    is_seconds,
    rules,
    several,
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
    """A Secret of type kubernetes.io/basic-auth in the namespace of passwords; its key `password` is the TCP MD5 key.

    The namespace is the chart's `passwords.namespace`, by default ExaLB's own.
    """

    name: Name
    """Name of the Secret."""


class GracefulRestart(Model):
    """Whether the peer keeps forwarding while this node's BGP engine restarts (RFC 4724)."""

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
_WITHOUT_INTERFACE = "is link-local: set sourceInterface to the interface that leads to the router"
_THROUGH_ITSELF = "must not be the address of the router itself: a router does not accept such a route (RFC 4271)"
_WHERE_TO_WAIT = "set both passive and localPort (the port that nodes listen on), or neither"
_ONLY_BY_CALLING = "a passive peer cannot use peerPort, sourceInterface or ttlSecurity: remove them"
_SINGLE_HOP = "bfd is for directly connected routers: remove it or ebgpMultiHop"
_BOTH_FAMILIES = "needs a session that carries both families: remove families"
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
                "has no meaning for a peer in the same AS: remove it",
                fieldPath=".ebgpMultiHop",
            ),
            cel(
                f"!({_is_set('extendedNextHop')} && has(self.families)) || size(self.families) == 2",
                _BOTH_FAMILIES,
                fieldPath=".extendedNextHop",
            ),
            cel(f"!(has(self.bfd) && {_is_set('ebgpMultiHop')})", _SINGLE_HOP, fieldPath=".bfd"),
        )
    )

    template: Name | None = None
    """Another BGPPeer that gives the fields unset here, except the address of the router and `nodeSelectors`."""
    my_asn: Annotated[AssignableASN | None, Field(alias="myASN")] = None
    """The AS number of the nodes."""
    my_asn_from: Annotated[FromNode | None, Field(alias="myASNFrom")] = None
    """Instead of `myASN`: each node has its own AS number."""
    peer_asn: Annotated[AssignableASN | None, Field(alias="peerASN")] = None
    """The AS number of the router; equal to `myASN` makes the session iBGP."""
    peer_asn_from: Annotated[FromNode | None, Field(alias="peerASNFrom")] = None
    """Instead of `peerASN`: each node gives the AS number of its router, so that one object serves every rack."""
    peer_address: RouterText | None = None
    """The address of the router; a link-local one needs `sourceInterface`."""
    peer_address_from: AddressFromNode | None = None
    """Instead of `peerAddress`: each node gives its router, so that one object serves every rack."""
    peer_port: Annotated[int, Field(strict=True, ge=1, le=65535)] = 179
    """The TCP port on which the router listens; unset means 179."""
    passive: Flag = False
    """Whether nodes wait for the router to open the connection; unset means no."""
    local_port: Annotated[int, Field(strict=True, ge=1024, le=65535)] | None = None
    """The TCP port that nodes listen on with `passive`; at least 1024, because the engine is not privileged."""
    source_address: HostText | None = None
    """The local address of the session; unset leaves it to the routing table, or with `passive` is the node's own."""
    source_interface: InterfaceName | None = None
    """The network interface that the session is bound to; unset leaves it to the node's routing table."""
    router_id: Annotated[RouterID | None, Field(alias="routerID")] = None
    """BGP identifier; unset uses the node's IPv4 address, or a number made from its name if it has none."""
    router_id_from: Annotated[FromNode | None, Field(alias="routerIDFrom")] = None
    """Instead of `routerID`: each node has its own BGP identifier."""
    hold_time: Annotated[
        Seconds,
        AfterValidator(_is_hold_time),
        Field(
            json_schema_extra=is_seconds(
                3, 65535, "must be 0 (no keepalives) or 3 to 65535 seconds (RFC 4271)", or_zero=True
            )
        ),
    ] = 90
    """The session ends after this time without a message, such as 30 or 1m30s; keepalives are three times as frequent.
    Unset means 90."""
    password_secret_ref: SecretReference | None = None
    """The Secret with the key of the session's TCP MD5 signatures (RFC 2385); unset means none."""
    ebgp_multi_hop: Flag = False
    """Whether the router may be more than one hop away; unset means no."""
    ttl_security: Flag = False
    """GTSM (RFC 5082): accept packets only from a directly connected router; unset means no."""
    graceful_restart: GracefulRestart = GracefulRestart()
    """Whether traffic goes on while this node's BGP engine restarts; unset means for 120 seconds."""
    bfd: Bfd | None = None
    """Notice within a second that the router, or the way to it, is dead (BFD, RFC 5881); unset means no.
    The chart runs BFD on the nodes with `speaker.bfd.enabled`."""
    families: Annotated[
        tuple[Literal["IPv4", "IPv6"], ...],
        Field(min_length=1, max_length=2, json_schema_extra=LIST_SET),
        AfterValidator(each_once),
    ] = ("IPv4", "IPv6")
    """The families that the session carries; unset means both."""
    next_hop: HostText | None = None
    """Next hop of the prefixes of its own family, instead of the node's address; with `extendedNextHop` an IPv6 one is
    that of IPv4 prefixes too."""
    extended_next_hop: Flag = False
    """Over IPv6, announce IPv4 prefixes with IPv6 next hops (RFC 8950), for nodes without an IPv4 address that the
    router can reach. The router must negotiate this, or these prefixes are withheld. Unset means no."""
    node_selectors: LabelSelectors = ()
    """The nodes that open this session; unset means all."""

    @property
    def asks_nodes(self) -> bool:
        """Whether some value comes from the nodes."""
        return any((self.my_asn_from, self.peer_asn_from, self.peer_address_from, self.router_id_from, self.passive))

    @model_validator(mode="after")
    def _fits_together(self) -> "BGPPeerSpec":
        wrong = self.mistakes()
        if wrong:
            raise several("BGPPeerSpec", wrong)
        return self

    def mistakes(self) -> list[tuple[str, str]]:
        """Return the fields that contradict others, each with a message; none for a valid spec."""
        return [(field, message) for is_wrong, field, message in self._possible_mistakes() if is_wrong]

    def _possible_mistakes(self) -> Iterator[tuple[bool, str, str]]:
        """Yield for each check whether it fails, the field and the message."""
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
        message = "has no meaning for a peer in the same AS: remove it"
        yield self.ebgp_multi_hop and same, "ebgpMultiHop", message
        yield self.bfd is not None and self.ebgp_multi_hop, "bfd", _SINGLE_HOP
        yield self.extended_next_hop and len(self.families) < len(VERSIONS), "extendedNextHop", _BOTH_FAMILIES


class BGPPeerStatus(Model):
    """The observed state of a BGPPeer over all nodes."""

    established: int = 0
    """How many nodes have an Established session."""
    wanted: int = 0
    """How many nodes should have one."""
    sessions: Annotated[str, Field(max_length=64)] | None = None
    """Established and wanted sessions, for the column of `kubectl get`."""
    address: Annotated[str, Field(max_length=512)] | None = None
    """The router's address: from the spec, or the first ones that nodes report."""
    asn: Annotated[str, Field(max_length=512)] | None = None
    """The router's AS number: from the spec or its template, or the first ones that nodes report."""
    observed_generation: ObservedGeneration = None
    """The `metadata.generation` of the object that this status describes; -1 before the first report."""
    conditions: Conditions = ()
    """Ready, Accepted, Established and Effective. Ready is True where the spec is accepted and all sessions are up."""
