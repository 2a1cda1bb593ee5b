"""A cluster after `kubectl apply` of some manifests. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from exalb.model.cluster import Cluster, CustomResource, EndpointSlice, Key, Node, Service
from exalb.model.kinds import CONFIGURATION

_KEPT: Mapping[type, tuple[str, ...]] = {
    Service: (
        *("uid", "created", "resource_version", "generation", "held", "condition", "remark", "record"),
        *("has_hostname", "is_deleted", "cluster_ips"),
    ),
    CustomResource: ("uid", "created", "generation", "resource_version", "status"),
    Node: ("uid", "addresses", "internal", "network_unavailable"),
}
"""The fields that the API server and controllers write: a manifest does not change them."""
_TABLES = ("services", "nodes", "namespaces", "service_ranges", "secrets")
_RESOURCES = tuple(kind.cluster_field for kind in CONFIGURATION)


def applied(live: Cluster, manifests: Cluster) -> Cluster:
    """Return `live` with the objects of `manifests` created or changed."""
    tables: dict[str, Any] = {
        name: _merged(getattr(live, name), getattr(manifests, name)) for name in (*_TABLES, *_RESOURCES)
    }
    return replace(live, **tables, slices=_slices(live.slices, manifests.slices))


def _merged(live: Mapping[Any, Any], new: Mapping[Any, Any]) -> dict[Any, Any]:
    return {**live, **{key: _changed(live[key], value) if key in live else value for key, value in new.items()}}


def _changed(before: Any, after: Any) -> Any:  # noqa: ANN401 - a value of any kind
    """Return an object as its manifest has it, with the fields that a manifest does not change."""
    fields = next((fields for kind, fields in _KEPT.items() if isinstance(after, kind)), ())
    return replace(after, **{field: getattr(before, field) for field in fields})


def _slices(
    live: Mapping[Key, tuple[EndpointSlice, ...]], new: Mapping[Key, tuple[EndpointSlice, ...]]
) -> dict[Key, tuple[EndpointSlice, ...]]:
    merged = dict(live.items())
    for key, parts in new.items():
        by_name = {part.key: part for part in (*live.get(key, ()), *parts)}
        merged[key] = tuple(by_name[name] for name in sorted(by_name))
    return merged
