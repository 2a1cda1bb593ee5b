"""The cluster as one immutable picture: what ExaLB needs of each Kubernetes object, and nothing else. Pure.

Objects are parsed once, when they arrive (see `parse`); a picture shares them by identity with the one before, which
is what makes it cheap to find out what changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

from exalb.addresses import AddressRange
from exalb.communities import AnyCommunity
from exalb.host import Host
from exalb.reasons import Invalid, Refusal
from exalb.resources.advertisement import BGPAdvertisementSpec
from exalb.resources.community import CommunitySpec
from exalb.resources.peer import BGPPeerSpec
from exalb.resources.pool import IPAddressPoolSpec
from exalb_bgp.rib import Address
from exalb_bgp.session import Family, Password

CLASS = "exalb.io/bgp"
"""The value of `spec.loadBalancerClass` that is ours."""


class Key(NamedTuple):
    """Namespace and name of a namespaced object."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """Write it as kubectl users do."""
        return f"{self.namespace}/{self.name}"


class Port(NamedTuple):
    """A port of a Service, as far as it can clash with another."""

    protocol: str
    number: int

    def __str__(self) -> str:
        """Write it as `TCP/80`."""
        return f"{self.protocol}/{self.number}"


class IPFamilyPolicy(Enum):
    """How many families a Service wants (Kubernetes API, core/v1 ServiceSpec)."""

    SINGLE_STACK = "SingleStack"
    PREFER_DUAL_STACK = "PreferDualStack"
    REQUIRE_DUAL_STACK = "RequireDualStack"


@dataclass(frozen=True, slots=True)
class AttributeOverrides:
    """Path attributes that a Service's annotations ask for; None is no opinion."""

    communities: tuple[AnyCommunity | str, ...] | None = None
    """Text is a name that some Community gives."""
    local_pref: int | None = None
    med: int | None = None
    as_path_prepend: int | None = None
    problem: str | None = None
    """One of them cannot be read; what is told would not be what was meant, so nothing is."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a Service asks for beyond its families."""

    addresses: tuple[Address, ...] = ()
    pool: str | None = None
    sharing_key: str | None = None
    overrides: AttributeOverrides | None = None
    problem: Refusal | None = None
    """A wish cannot be read, or two exclude each other; then nothing is chosen, and what is held lawfully stays."""
    remarks: tuple[Refusal, ...] = ()
    """What was perhaps meant as a wish and is none, or cannot be read; it takes no address away."""


@dataclass(frozen=True, slots=True)
class ConditionState:
    """A condition that ExaLB wrote, as it was read back (time excepted)."""

    status: str
    reason: str
    message: str
    observed_generation: int | None = None
    last_transition_time: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """A Service of whatever type (Kubernetes API, core/v1)."""

    key: Key
    uid: str
    created: str
    """RFC 3339 text, which sorts by time; of no object yet created it is later than any."""
    resource_version: str
    generation: int | None
    labels: Mapping[str, str]
    is_load_balancer: bool
    load_balancer_class: str | None
    families: tuple[Family, ...]
    """In the order of `spec.ipFamilies`."""
    policy: IPFamilyPolicy
    local_traffic: bool
    """Whether externalTrafficPolicy is Local."""
    ports: frozenset[Port]
    selector: tuple[tuple[str, str], ...]
    request: Request
    held: tuple[Address, ...]
    """The addresses of `status.loadBalancer.ingress`: the ledger of allocations."""
    condition: ConditionState | None
    """Our condition in `status.conditions`; where it stands, the addresses are ours."""
    remark: ConditionState | None = None
    """Our condition about annotations there, where something was to be said of them."""

    @property
    def age(self) -> tuple[str, Key]:
        """Sorts the older Service first; Services of one moment by their key."""
        return self.created, self.key


class Readiness(Enum):
    """What an endpoint is good for (Kubernetes API, discovery/v1 EndpointConditions)."""

    READY = "ready"
    DRAINING = "draining"
    """Not ready, but still serving: what goes on a little longer while it terminates."""


class Endpoint(NamedTuple):
    """One endpoint that can take traffic."""

    address: str
    node: str | None
    readiness: Readiness


@dataclass(frozen=True, slots=True)
class EndpointSlice:
    """An EndpointSlice of one Service, without endpoints that can take no traffic (discovery/v1)."""

    key: Key
    service: Key
    family: Family | None
    """None for addressType FQDN, which no address of ours leads to."""
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A Node (core/v1)."""

    name: str
    uid: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    """Those short enough to be an address or a number."""
    addresses: tuple[Address, ...]
    """InternalIP first, then ExternalIP, in the order of the status."""
    internal: tuple[Address, ...]
    network_unavailable: bool

    def address_of(self, family: Family) -> Address | None:
        """Return the first InternalIP of `family` that others can reach: a link-local one is no next hop."""
        version = 4 if family is Family.IPV4 else 6
        mine = (address for address in self.internal if address.version == version and not address.is_link_local)
        return next(mine, None)


@dataclass(frozen=True, slots=True)
class Namespace:
    """A Namespace (core/v1)."""

    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Secret:
    """A Secret of ExaLB's own namespace that may hold a TCP MD5 key."""

    name: str
    password: Password | None
    problem: str | None
    """Why it cannot: a sentence for people."""


@dataclass(frozen=True, slots=True)
class CustomResource:
    """What all our custom resources have: identity, age and the conditions that stand in their status."""

    name: str
    uid: str
    created: str
    generation: int | None
    resource_version: str
    labels: Mapping[str, str]
    status: Mapping[str, Any]
    """The status as it was read, to tell whether ours differs."""
    invalid: tuple[Invalid, ...]
    """Where the spec breaks its schema; then `spec` is None and the object is out of force."""

    @property
    def age(self) -> tuple[str, str]:
        """Sorts the older object first; objects of one moment by name."""
        return self.created, self.name


@dataclass(frozen=True, slots=True)
class Pool(CustomResource):
    """An IPAddressPool."""

    spec: IPAddressPoolSpec | None


@dataclass(frozen=True, slots=True)
class Peer(CustomResource):
    """A BGPPeer."""

    spec: BGPPeerSpec | None


@dataclass(frozen=True, slots=True)
class Advertisement(CustomResource):
    """A BGPAdvertisement."""

    spec: BGPAdvertisementSpec | None


@dataclass(frozen=True, slots=True)
class CommunityNames(CustomResource):
    """A Community: names for communities."""

    spec: CommunitySpec | None


@dataclass(frozen=True, slots=True)
class SpeakerReport(CustomResource):
    """A BGPSpeaker: what one node's speaker wrote of its sessions."""


@dataclass(frozen=True, slots=True)
class ServiceRange:
    """A ServiceCIDR: where the cluster takes the ClusterIPs of Services from."""

    name: str
    ranges: tuple[AddressRange, ...]


_NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Cluster:
    """All that decisions are made of. Two pictures share every object that did not change, by identity."""

    services: Mapping[Key, Service] = field(default_factory=lambda: _NOTHING)
    slices: Mapping[Key, tuple[EndpointSlice, ...]] = field(default_factory=lambda: _NOTHING)
    """By the key of their Service."""
    nodes: Mapping[str, Node] = field(default_factory=lambda: _NOTHING)
    namespaces: Mapping[str, Namespace] = field(default_factory=lambda: _NOTHING)
    service_ranges: Mapping[str, ServiceRange] = field(default_factory=lambda: _NOTHING)
    secrets: Mapping[str, Secret] = field(default_factory=lambda: _NOTHING)
    pools: Mapping[str, Pool] = field(default_factory=lambda: _NOTHING)
    peers: Mapping[str, Peer] = field(default_factory=lambda: _NOTHING)
    advertisements: Mapping[str, Advertisement] = field(default_factory=lambda: _NOTHING)
    communities: Mapping[str, CommunityNames] = field(default_factory=lambda: _NOTHING)
    speakers: Mapping[str, SpeakerReport] = field(default_factory=lambda: _NOTHING)
    host: Host = field(default_factory=Host)
    """What the node of this speaker sees of itself; nothing where there is no such node."""
    require_class: bool = False
    """Whether only Services that name our class are ours, and those without a class are not."""

    def is_ours(self, service: Service) -> bool:
        """Tell whether `service` is a load balancer of ExaLB."""
        if not service.is_load_balancer:
            return False
        return service.load_balancer_class == CLASS or (service.load_balancer_class is None and not self.require_class)
