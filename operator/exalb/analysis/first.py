"""Decides about the first pool and the first peer, which an installation may create from its values. Pure.

They are created once, and only where there is no pool and no peer: ExaLB never changes what people own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from exalb.api.reasons import Finding
from exalb.api.schema import GROUP, VERSION
from exalb.model.cluster import Cluster, Peer, Pool
from exalb.model.kinds import PEER, POOL, Kind
from exalb.validation.rules import validate

Manifest: TypeAlias = dict[str, Any]

POOL_NAME, PEER_NAME = "main", "router"


@dataclass(frozen=True, slots=True)
class First:
    """The values of an installation for its first pool and its first peer."""

    addresses: tuple[str, ...]
    peer_address: str
    my_asn: int
    peer_asn: int

    def manifests(self) -> tuple[tuple[Kind, Manifest], ...]:
        """Return the pool and the peer."""
        session = {"myASN": self.my_asn, "peerASN": self.peer_asn, "peerAddress": self.peer_address}
        pool = _manifest(POOL, POOL_NAME, {"addresses": [*self.addresses]})
        return ((POOL, pool), (PEER, _manifest(PEER, PEER_NAME, session)))


@dataclass(frozen=True, slots=True)
class Refused:
    """A value is wrong in this cluster: nothing is created."""

    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Occupied:
    """The cluster has pools or peers of people: nothing is created."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Create:
    """These objects are to be created; one that is there already, with the same spec, is not among them."""

    manifests: tuple[tuple[Kind, Manifest], ...]


def decide(first: First, cluster: Cluster) -> Refused | Occupied | Create:
    """Return what is to be done in a cluster, of which all pools, peers, nodes and ranges of ClusterIPs are known."""
    wanted = {(kind.name, raw["metadata"]["name"]): kind.parse(raw) for kind, raw in first.manifests()}
    there: dict[tuple[str, str], Pool | Peer] = {
        (kind.name, name): resource
        for kind, resources in ((POOL, cluster.pools), (PEER, cluster.peers))
        for name, resource in resources.items()
    }
    foreign = [f"{kind} {name}" for (kind, name), value in there.items() if not _same(value, wanted.get((kind, name)))]
    if foreign:
        return Occupied(tuple(sorted(foreign)))
    with_ours = replace(
        cluster, pools={POOL_NAME: wanted[POOL.name, POOL_NAME]}, peers={PEER_NAME: wanted[PEER.name, PEER_NAME]}
    )
    sentences = [
        _sentence(finding) for finding in validate(with_ours).invalid if (finding.kind, finding.name) in wanted
    ]
    if sentences:
        return Refused(tuple(sentences))
    return Create(tuple((kind, raw) for kind, raw in first.manifests() if (kind.name, _name(raw)) not in there))


def _sentence(finding: Finding) -> str:
    """Name the value of the chart instead of the field of the object."""
    value = finding.field.removeprefix("spec").removeprefix(".")
    return f"first.{value}: {finding.message}" if value else f"first: {finding.message}"


def _same(there: Pool | Peer, wanted: Pool | Peer | None) -> bool:
    return wanted is not None and there.spec is not None and there.spec == wanted.spec


def _manifest(kind: Kind, name: str, spec: Mapping[str, Any]) -> Manifest:
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind.name, "metadata": {"name": name}, "spec": dict(spec)}


def _name(raw: Manifest) -> str:
    return str(raw["metadata"]["name"])
