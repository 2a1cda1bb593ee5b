"""The state of a migration in one cluster: MetalLB's programs and objects, and ExaLB's. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from exalb.api.address_ranges import AddressRange
from exalb.migration.metallb import Migration, Namespaces
from exalb.migration.notes import Json
from exalb.migration.peers import AT_EXALB, AT_METALLB, LABEL, selects_by_label
from exalb.model.address_record import read_record
from exalb.model.cluster import Cluster
from exalb_bgp.session import State


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that the steps depend on."""

    namespaces: Namespaces
    migration: Migration
    """With peers that select migrated nodes only."""
    cluster: Cluster
    """Nodes, Services and ExaLB's objects as they are now."""
    workloads: tuple[Json, ...]
    """MetalLB's DaemonSets and Deployments."""
    is_installed: bool
    """Whether the API server knows ExaLB's kinds."""
    applied: Mapping[tuple[str, str], Json]
    """ExaLB's objects by kind and name."""

    @property
    def is_gone(self) -> bool:
        """Whether nothing of MetalLB is left."""
        return not self.workloads and not self.migration.read

    @property
    def daemons(self) -> tuple[Json, ...]:
        """The DaemonSets whose pods hold BGP sessions."""
        return tuple(raw for raw in self.workloads if raw["kind"] == "DaemonSet")

    @property
    def controllers(self) -> tuple[Json, ...]:
        """The Deployments that assign addresses."""
        named = (raw for raw in self.workloads if raw["kind"] == "Deployment")
        return tuple(raw for raw in named if raw["metadata"]["name"].endswith("controller"))

    @property
    def peers(self) -> Mapping[str, Json]:
        """ExaLB's BGPPeers by name: as they are, or as they are to be."""
        found = (*self.migration.objects, *self.applied.values())
        return {raw["metadata"]["name"]: raw for raw in found if raw["kind"] == "BGPPeer"}


def not_installed(now: Situation) -> Iterator[str]:
    """Yield what an installation of ExaLB lacks."""
    if not now.is_installed:
        yield "ExaLB is not installed"
        return
    for name in sorted(set(now.cluster.nodes) - set(now.cluster.speakers)):
        yield f"node {name} has no BGPSpeaker: its speaker has not started"


def not_bound(now: Situation) -> Iterator[str]:
    """Yield nodes without the label, and DaemonSets that do not select by it."""
    for name, node in sorted(now.cluster.nodes.items()):
        if node.labels.get(LABEL) not in (AT_METALLB, AT_EXALB):
            yield f"node {name} has no label {LABEL}"
    for raw in now.daemons:
        spec = raw.get("spec") or {}
        pod = (spec.get("template") or {}).get("spec") or {}
        if (pod.get("nodeSelector") or {}).get(LABEL) != AT_METALLB:
            yield f"DaemonSet {raw['metadata']['name']} has no nodeSelector {LABEL}={AT_METALLB}"


def not_stopped(now: Situation) -> Iterator[str]:
    """Yield controllers of MetalLB that run."""
    for raw in now.controllers:
        if (raw.get("spec") or {}).get("replicas", 1) != 0:
            yield f"Deployment {raw['metadata']['name']} is not scaled to 0"


def not_applied(now: Situation) -> Iterator[str]:
    """Yield migrated objects that are not there, edited or not, and addresses that ExaLB does not manage yet."""
    for raw in now.migration.objects:
        if (raw["kind"], raw["metadata"]["name"]) not in now.applied:
            yield f"{raw['kind']} {raw['metadata']['name']} does not exist"
    yield from _unmanaged(now)


def not_moved(now: Situation, name: str) -> Iterator[str]:
    """Yield what a node lacks until ExaLB has its sessions, and the routers the node's routes."""
    node, speaker = now.cluster.nodes.get(name), now.cluster.speakers.get(name)
    if not now.is_gone and (node is None or node.labels.get(LABEL) != AT_EXALB):
        yield f"node {name} does not have the label {LABEL}={AT_EXALB}"
    sessions = speaker.observed.sessions if speaker else ()
    for row in sessions:
        session, error = f"the session of node {name} with {row.peer}", row.last_error or "no error"
        if row.state is not State.ESTABLISHED:
            yield f"{session} is {row.state.value}: {error}"
        elif row.prefixes_sent < row.prefixes_wanted:
            yield f"{session} has sent {row.prefixes_sent} of {row.prefixes_wanted} prefixes: {error}"
    if not sessions and now.peers:
        yield f"node {name} has no BGP session of ExaLB"


def not_unbound(now: Situation) -> Iterator[str]:
    """Yield peers of ExaLB that select nodes by the label."""
    peers = {name: raw for (kind, name), raw in sorted(now.applied.items()) if kind == "BGPPeer"}
    if not peers:
        yield "there is no BGPPeer of ExaLB yet"
    for name, raw in peers.items():
        if any(map(selects_by_label, (raw.get("spec") or {}).get("nodeSelectors") or ())):
            yield f"BGPPeer {name} selects nodes by the label {LABEL}"


def not_removed(now: Situation) -> Iterator[str]:
    """Yield everything of MetalLB that is left."""
    for raw in now.workloads:
        yield f"{raw['kind']} {raw['metadata']['name']} of MetalLB exists"
    for kind, count in now.migration.read.items():
        yield f"{count} {kind} of MetalLB exist" if count > 1 else f"1 {kind} of MetalLB exists"


def _unmanaged(now: Situation) -> Iterator[str]:
    ranges = [AddressRange.parse(text) for text in _pool_texts(now.migration.objects)]
    for key, service in sorted(now.cluster.services.items()):
        if now.cluster.is_ours(service):
            recorded = read_record(service).addresses
            for address in service.held:
                if address not in recorded and any(address in part for part in ranges):
                    yield f"ExaLB does not manage {address} of Service {key} yet"


def _pool_texts(objects: Iterable[Json]) -> Iterator[str]:
    for raw in objects:
        if raw["kind"] == "IPAddressPool":
            yield from raw["spec"]["addresses"]
