"""The kinds of objects that decisions are made of: where the API server has them and how each is parsed. Pure."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from exalb.cluster import Service
from exalb.parse import (
    HEADLESS,
    Raw,
    key_of,
    parse_endpoint_slice,
    parse_namespace,
    parse_node,
    parse_secret,
    parse_service,
    parse_service_cidr,
)
from exalb.parse_resources import (
    parse_advertisement,
    parse_community_names,
    parse_peer,
    parse_pool,
    parse_speaker,
)
from exalb.resources.common import GROUP, VERSION

_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object."""

    name: str
    """As in `kind` of an object."""
    prefix: str
    """Path of its API group and version."""
    plural: str
    parse: Callable[[Raw], Any]
    """Makes a value of `cluster`; None for an object that does not matter."""
    namespaced: bool = False
    keyed_by_namespace: bool = False
    """Whether its key in a `Cluster` is a `Key`, and not a name alone."""
    query: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """What of it matters at all, as selectors of a list."""
    optional: bool = False
    """Whether an API server may lack the whole kind; then there are no such objects."""

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
    service = parse_service(raw)
    return service if service.held else None


_CORE, _OURS = "/api/v1", f"/apis/{GROUP}/{VERSION}"

SERVICE = Kind("Service", _CORE, "services", parse_service, namespaced=True, keyed_by_namespace=True)
HELD_SERVICE = replace(SERVICE, parse=_parse_held)
"""Services as far as they have an address: what a speaker asks about."""
ENDPOINT_SLICE = Kind(
    "EndpointSlice",
    "/apis/discovery.k8s.io/v1",
    "endpointslices",
    parse_endpoint_slice,
    namespaced=True,
    keyed_by_namespace=True,
    # A headless Service has no address to give; nobody need hear of its endpoints.
    query={"labelSelector": f"!{HEADLESS}"},
)
NODE = Kind("Node", _CORE, "nodes", parse_node)
SERVICE_CIDR = Kind(
    "ServiceCIDR",
    "/apis/networking.k8s.io/v1",
    "servicecidrs",
    parse_service_cidr,
    optional=True,  # Kubernetes 1.33 and later
)
NAMESPACE = Kind("Namespace", _CORE, "namespaces", parse_namespace)
SECRET = Kind(
    "Secret",
    _CORE,
    "secrets",
    parse_secret,
    namespaced=True,
    # Large or sensitive, and never a key for BGP.
    query={"fieldSelector": "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token"},
)
POOL = Kind("IPAddressPool", _OURS, "ipaddresspools", parse_pool)
PEER = Kind("BGPPeer", _OURS, "bgppeers", parse_peer)
ADVERTISEMENT = Kind("BGPAdvertisement", _OURS, "bgpadvertisements", parse_advertisement)
COMMUNITY = Kind("Community", _OURS, "communities", parse_community_names)
SPEAKER = Kind("BGPSpeaker", _OURS, "bgpspeakers", parse_speaker)

FOREIGN = (SERVICE, ENDPOINT_SLICE, NODE, NAMESPACE, SECRET, SERVICE_CIDR)
OURS = (POOL, PEER, ADVERTISEMENT, COMMUNITY, SPEAKER)
BY_NAME = {kind.name: kind for kind in (*FOREIGN, *OURS)}
