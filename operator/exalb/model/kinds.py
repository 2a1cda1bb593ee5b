"""The one table of the kinds of objects that decisions use. Pure.

Store, feeds, manifests, writer and programs take from it which kinds there are, where the API server has them, how
each is parsed, who watches it and how often its status is written.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from exalb.api.definitions import RESOURCES
from exalb.api.schema import GROUP, VERSION
from exalb.model.address_record import is_readable
from exalb.model.cluster import (
    NOTHING,
    Advertisement,
    CommunityNames,
    ConditionState,
    CustomResource,
    L2Advertisement,
    Peer,
    Pool,
    Service,
)
from exalb.model.parse_core import (
    HEADLESS,
    Raw,
    key_of,
    parse_endpoint_slice,
    parse_namespace,
    parse_node,
    parse_service,
    parse_service_cidr,
)
from exalb.model.parse_custom import custom_resource_parser, parse_speaker
from exalb.model.parse_secret import parse_secret

STATUS_SECONDS = 5.0
"""The shortest time between two writes of the status of one of our own objects."""


class Program(Enum):
    """The programs that watch objects."""

    CONTROLLER = "controller"
    SPEAKER = "speaker"


class Role(Enum):
    """The writer of the objects of a kind."""

    CORE = "core"
    """Kubernetes and its users: a kind of its own API."""
    CONFIGURATION = "configuration"
    """People: a custom resource of ours, whose status the controller writes."""
    REPORT = "report"
    """Speakers: a custom resource of ours, one object for each Node and named after it."""


_BOTH = frozenset(Program)
_CONTROLLER, _SPEAKER = frozenset({Program.CONTROLLER}), frozenset({Program.SPEAKER})


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of object."""

    name: str
    """As in `kind` of an object."""
    prefix: str
    """Path of its API group and version."""
    plural: str
    parse: Callable[[Raw], Any]
    """Makes a value of `model.cluster`; None for an object that does not matter."""
    cluster_field: str
    """The field of `Cluster` that has its objects."""
    watched_by: frozenset[Program] = _BOTH
    role: Role = Role.CORE
    namespaced: bool = False
    own_namespace: bool = False
    """Whether only objects of one namespace matter; then their key in a `Cluster` is the name alone."""
    query: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """Selectors of lists and watches; they leave out objects that do not matter."""
    optional: bool = False
    """Whether an API server may lack the whole kind; then there are no such objects."""
    write_interval: float = 0.0
    """The shortest time between two writes of the status of one object, in seconds."""

    @property
    def api_version(self) -> str:
        """The value of `apiVersion`."""
        return self.prefix.removeprefix("/apis/").removeprefix("/api/")

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def keyed_by_namespace(self) -> bool:
        """Whether the key of an object in a `Cluster` is a `Key`, and not a name alone."""
        return self.namespaced and not self.own_namespace

    def collection(self, namespace: str | None = None) -> str:
        """Return the path of all objects, or of those of one namespace."""
        where = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{self.prefix}{where}/{self.plural}"

    def object(self, name: str, namespace: str | None = None) -> str:
        """Return the path of one object."""
        return f"{self.collection(namespace)}/{name}"

    def key(self, raw: Raw) -> Hashable:
        """Return the key of an object in a `Cluster`."""
        return key_of(raw) if self.keyed_by_namespace else str(raw["metadata"]["name"])


def _parse_held(raw: Raw) -> Service | None:
    """Read what speakers need: what else a status says must not cost each of them memory, or a round for each write."""
    service = parse_service(raw)
    if not service.held:
        return None
    record = service.record and ConditionState(service.record.status, service.record.reason, service.record.message)
    return replace(
        service,
        uid="",
        resource_version="",
        generation=None,
        condition=None if is_readable(service.record) else service.condition,
        remark=None,
        record=record,
        announced=None,
        external_ips=(),
        cluster_ips=(),
    )


_CORE = "/api/v1"

SERVICE = Kind("Service", _CORE, "services", parse_service, "services", watched_by=_CONTROLLER, namespaced=True)
HELD_SERVICE = replace(
    SERVICE, parse=_parse_held, watched_by=_SPEAKER, query={"fieldSelector": "spec.type=LoadBalancer"}
)
"""Services that have an address: speakers need no others."""
ENDPOINT_SLICE = Kind(
    "EndpointSlice",
    "/apis/discovery.k8s.io/v1",
    "endpointslices",
    parse_endpoint_slice,
    "slices",
    watched_by=_SPEAKER,
    namespaced=True,
    # A headless Service has no address to assign.
    query={"labelSelector": f"!{HEADLESS}"},
)
NODE = Kind("Node", _CORE, "nodes", parse_node, "nodes")
SERVICE_CIDR = Kind(
    "ServiceCIDR",
    "/apis/networking.k8s.io/v1",
    "servicecidrs",
    parse_service_cidr,
    "service_ranges",
    optional=True,  # Kubernetes 1.33 and later
)
NAMESPACE = Kind("Namespace", _CORE, "namespaces", parse_namespace, "namespaces", watched_by=_CONTROLLER)
SECRET = Kind(
    "Secret",
    _CORE,
    "secrets",
    parse_secret,
    "secrets",
    watched_by=_SPEAKER,
    namespaced=True,
    own_namespace=True,
    # Large or sensitive, and never a key for BGP.
    query={"fieldSelector": "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token"},
)


_RESOURCES = {resource.kind: resource for resource in RESOURCES}


def _custom(name: str, table: str, parse: Callable[[Raw], Any], role: Role) -> Kind:
    prefix = f"/apis/{GROUP}/{VERSION}"
    return Kind(name, prefix, _RESOURCES[name].plural, parse, table, role=role, write_interval=STATUS_SECONDS)


def _configuration(name: str, table: str, value: type[CustomResource]) -> Kind:
    return _custom(name, table, custom_resource_parser(_RESOURCES[name], value), Role.CONFIGURATION)


POOL = _configuration("IPAddressPool", "pools", Pool)
PEER = _configuration("BGPPeer", "peers", Peer)
ADVERTISEMENT = _configuration("BGPAdvertisement", "advertisements", Advertisement)
L2_ADVERTISEMENT = _configuration("L2Advertisement", "l2_advertisements", L2Advertisement)
COMMUNITY = _configuration("Community", "communities", CommunityNames)
SPEAKER = _custom("BGPSpeaker", "speakers", parse_speaker, Role.REPORT)

KINDS = (
    *(SERVICE, HELD_SERVICE, ENDPOINT_SLICE, NODE, NAMESPACE, SERVICE_CIDR, SECRET),
    *(POOL, PEER, ADVERTISEMENT, L2_ADVERTISEMENT, COMMUNITY, SPEAKER),
)
BY_NAME = {kind.name: kind for kind in reversed(KINDS)}
"""Of a kind that the programs watch in different ways, the one without a selector."""
CORE_KINDS = tuple(kind for kind in BY_NAME.values() if kind.role is Role.CORE)
CONFIGURATION = tuple(kind for kind in KINDS if kind.role is Role.CONFIGURATION)


def watched_by(program: Program) -> tuple[Kind, ...]:
    """Return the kinds that a program watches."""
    return tuple(kind for kind in KINDS if program in kind.watched_by)
