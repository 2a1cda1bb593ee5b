"""The snapshot of the cluster, immutable: of each Kubernetes object the fields that decisions use. Pure.

Objects are parsed once, when they arrive (see `parse_core`); two snapshots share unchanged objects by identity, which
is what makes it cheap to find out what changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

from exalb.api.address_ranges import AddressRange
from exalb.api.advertisement import BGPAdvertisementSpec
from exalb.api.community import CommunitySpec
from exalb.api.community_values import AnyCommunity
from exalb.api.l2_advertisement import L2AdvertisementSpec
from exalb.api.peer import BGPPeerSpec
from exalb.api.peer_fields import is_host_address
from exalb.api.pool import IPAddressPoolSpec
from exalb.api.reasons import Finding, Refusal
from exalb.api.speaker import BGPSpeakerStatus
from exalb.model.local_node import LocalNode
from exalb.model.node_lifecycle import NodeLifecycle
from exalb.model.ports import EndpointPort, Port
from exalb.model.scope import DEFAULT, Scope
from exalb_bgp.rib import Address
from exalb_bgp.session import Family, Password


class Key(NamedTuple):
    """Namespace and name of a namespaced object."""

    namespace: str
    name: str

    @classmethod
    def parse(cls, text: str) -> "Key":
        """Read what `str` writes."""
        namespace, name = text.split("/", 1)
        return cls(namespace, name)

    def __str__(self) -> str:
        """Write it as kubectl users do."""
        return f"{self.namespace}/{self.name}"


ServiceFamily = tuple[Key, Family]


class IPFamilyPolicy(Enum):
    """How many families a Service wants (Kubernetes API, core/v1 ServiceSpec)."""

    SINGLE_STACK = "SingleStack"
    PREFER_DUAL_STACK = "PreferDualStack"
    REQUIRE_DUAL_STACK = "RequireDualStack"


@dataclass(frozen=True, slots=True)
class AttributeOverrides:
    """Path attributes that a Service's annotations ask for; None is no opinion."""

    communities: tuple[AnyCommunity | str, ...] | None = None  # text is a name that some Community gives
    local_pref: int | None = None
    med: int | None = None
    as_path_prepend: int | None = None
    problem: str | None = None
    """Why one of them cannot be read; then no route of the Service is announced, since its attributes are unknown."""


@dataclass(frozen=True, slots=True)
class Request:
    """The request of a Service: its annotations and `spec.loadBalancerIP`."""

    addresses: tuple[Address, ...] = ()
    pool: str | None = None
    sharing_key: str | None = None
    sharing_namespaces: frozenset[str] = frozenset()  # `*` is every namespace
    overrides: AttributeOverrides | None = None
    problem: Refusal | None = None
    """Why the request is invalid. Then no address is chosen; the Service keeps valid addresses that it has."""
    remarks: tuple[Refusal, ...] = ()  # about annotations that are unknown or cannot be read; they release no address


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
    created: str  # RFC 3339 text, which sorts by time; of no object yet created it is later than any
    resource_version: str
    generation: int | None
    labels: Mapping[str, str]
    is_load_balancer: bool
    load_balancer_class: str | None
    families: tuple[Family, ...]  # in the order of `spec.ipFamilies`
    policy: IPFamilyPolicy
    local_traffic: bool  # whether externalTrafficPolicy is Local
    ports: frozenset[Port]
    endpoint_ports: frozenset[EndpointPort]
    selector: tuple[tuple[str, str], ...]
    request: Request
    held: tuple[Address, ...]  # of `status.loadBalancer.ingress`: the ledger of allocations
    condition: ConditionState | None  # our condition in status.conditions
    remark: ConditionState | None = None  # our condition about annotations there
    record: ConditionState | None = None  # our condition there: which addresses ExaLB assigned (`model.address_record`)
    announced: ConditionState | None = None  # our condition there that says by how many nodes it is announced
    has_hostname: bool = False  # in status.loadBalancer.ingress; ExaLB writes none
    is_deleted: bool = False  # it has a deletionTimestamp
    external_ips: tuple[Address, ...] = ()
    cluster_ips: tuple[Address, ...] = ()
    health_check_port: int | None = None  # `spec.healthCheckNodePort`

    @property
    def age(self) -> tuple[str, Key]:
        """Sorts the older Service first; Services of one moment by their key."""
        return self.created, self.key


class Readiness(Enum):
    """The state of an endpoint (Kubernetes API, discovery/v1 EndpointConditions)."""

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
    family: Family | None  # None for addressType FQDN, which no address of ours leads to
    ports: frozenset[EndpointPort]  # those with a number: kube-proxy ignores the others
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A Node (core/v1)."""

    name: str
    uid: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]  # those short enough to be an address or a number
    addresses: tuple[Address, ...]  # InternalIP first, then ExternalIP, in the order of the status
    internal: tuple[Address, ...]
    network_unavailable: bool
    lifecycle: NodeLifecycle
    pod_ranges: tuple[AddressRange, ...] = ()  # of `spec.podCIDRs`

    def address_of(self, family: Family) -> Address | None:
        """Return the first InternalIP of `family` that can be a next hop, which a link-local one cannot."""
        usable = (address for address in self.internal if is_host_address(address) and not address.is_link_local)
        return next((address for address in usable if Family.of(address) is family), None)


@dataclass(frozen=True, slots=True)
class Namespace:
    """A Namespace (core/v1)."""

    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Secret:
    """A Secret of the namespace of passwords, which may hold a TCP MD5 key."""

    name: str
    password: Password | None
    problem: str | None  # why it cannot: a sentence for people
    is_missing: bool = False  # whether it is not there at all, as speakers report


@dataclass(frozen=True, slots=True)
class CustomResource:
    """Common fields of our custom resources: identity, age and the conditions in their status."""

    name: str
    uid: str
    created: str
    generation: int | None
    resource_version: str
    labels: Mapping[str, str]
    status: Mapping[str, Any]  # as it was read; a write is needed only where ours differs
    invalid: tuple[Finding, ...]
    """Where the spec breaks its schema; then `spec` is None and the object is inactive."""

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
class L2Advertisement(CustomResource):
    """An L2Advertisement."""

    spec: L2AdvertisementSpec | None


@dataclass(frozen=True, slots=True)
class CommunityNames(CustomResource):
    """A Community: names for communities."""

    spec: CommunitySpec | None


@dataclass(frozen=True, slots=True)
class SpeakerReport(CustomResource):
    """A BGPSpeaker: the report of one node's speaker."""

    observed: BGPSpeakerStatus = field(default_factory=BGPSpeakerStatus)
    """The report, read from `status`."""


@dataclass(frozen=True, slots=True)
class ServiceRange:
    """A ServiceCIDR: where the cluster takes the ClusterIPs of Services from."""

    name: str
    ranges: tuple[AddressRange, ...]


NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Cluster:
    """The input of all decisions. Two snapshots share every object that did not change, by identity."""

    services: Mapping[Key, Service] = field(default_factory=lambda: NOTHING)
    slices: Mapping[Key, tuple[EndpointSlice, ...]] = field(default_factory=lambda: NOTHING)
    """By the key of their Service."""
    nodes: Mapping[str, Node] = field(default_factory=lambda: NOTHING)
    namespaces: Mapping[str, Namespace] = field(default_factory=lambda: NOTHING)
    service_ranges: Mapping[str, ServiceRange] = field(default_factory=lambda: NOTHING)
    secrets: Mapping[str, Secret] | None = field(default_factory=lambda: NOTHING)
    """None in a program that reads none."""
    pools: Mapping[str, Pool] = field(default_factory=lambda: NOTHING)
    peers: Mapping[str, Peer] = field(default_factory=lambda: NOTHING)
    advertisements: Mapping[str, Advertisement] = field(default_factory=lambda: NOTHING)
    l2_advertisements: Mapping[str, L2Advertisement] = field(default_factory=lambda: NOTHING)
    communities: Mapping[str, CommunityNames] = field(default_factory=lambda: NOTHING)
    speakers: Mapping[str, SpeakerReport] = field(default_factory=lambda: NOTHING)
    host: LocalNode = field(default_factory=LocalNode)
    """The state of the node that this speaker runs on; empty in the controller."""
    programmed: Mapping[ServiceFamily, int] | None = None
    """The port on which kube-proxy of that node said that it delivers to the endpoints there; None: nobody asks."""
    scope: Scope = DEFAULT

    def is_ours(self, service: Service) -> bool:
        """Return whether `service` is a load balancer of ExaLB."""
        if not service.is_load_balancer:
            return False
        name = service.load_balancer_class
        return name == self.scope.load_balancer_class or (name is None and not self.scope.require_class)
