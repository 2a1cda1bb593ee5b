"""Objects of MetalLB as in a manifest, and their migration."""

from collections.abc import Sequence
from typing import Any

from exalb.kube.manifests import snapshot_of
from exalb.migration.metallb import Migration, Namespaces, migrate
from exalb.migration.notes import Level
from tests.support.objects import Object

HOME = "metallb-system"
NAMESPACES = Namespaces(HOME, "exalb-system")


def metallb(kind: str, name: str, version: str = "v1beta1", labels: Any = None, **spec: Any) -> Object:
    """Return an object of MetalLB."""
    metadata = {"name": name, "namespace": HOME, **({"labels": labels} if labels else {})}
    return {"apiVersion": f"metallb.io/{version}", "kind": kind, "metadata": metadata, "spec": spec}


def metallb_pool(name: str = "main", *addresses: str, labels: Any = None, **spec: Any) -> Object:
    """Return an IPAddressPool of MetalLB."""
    return metallb("IPAddressPool", name, labels=labels, addresses=list(addresses) or ["198.51.100.0/24"], **spec)


def metallb_peer(name: str = "tor", version: str = "v1beta2", **spec: Any) -> Object:
    """Return a BGPPeer of MetalLB."""
    spec = {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1", **spec}
    return metallb("BGPPeer", name, version, **{field: value for field, value in spec.items() if value is not None})


def metallb_advertisement(name: str = "all", **spec: Any) -> Object:
    """Return a BGPAdvertisement of MetalLB."""
    return metallb("BGPAdvertisement", name, **spec)


def migrated(*foreign: Object, services: Sequence[Object] = (), all_nodes: bool = True) -> Migration:
    """Return the migration of these objects."""
    cluster, _ = snapshot_of(services, "exalb-system")
    return migrate(foreign, cluster.services, NAMESPACES, all_nodes=all_nodes)


def spec_of(migration: Migration, kind: str, name: str) -> dict[str, Any] | None:
    """Return the spec of one migrated object; None if it is not written."""
    found = (raw for raw in migration.objects if (raw["kind"], raw["metadata"]["name"]) == (kind, name))
    return next((raw["spec"] for raw in found), None)


def levels(migration: Migration) -> dict[str, str]:
    """Return the level of the note about each field: `spec.password` and `differs`."""
    return {note.field: note.level.value for note in migration.notes if note.level is not Level.NOTE}
