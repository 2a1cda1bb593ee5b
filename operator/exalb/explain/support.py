"""Chooses the content of a support bundle: objects without what no answer needs. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Json = dict[str, Any]
_PREFIXES = ("exalb.io/", "metallb.io/", "metallb.universe.tf/")


def cleaned(raws: Iterable[Json], peers: Iterable[Json]) -> list[Json]:
    """Return objects without the annotations of others, which may hold anything, and without managed fields."""
    named = set(_node_annotations(peers))
    return [_cleaned(raw, named) for raw in raws if _matters(raw)]


def _matters(raw: Json) -> bool:
    return raw["kind"] != "Service" or bool(raw.get("spec", {}).get("type") == "LoadBalancer")


def _cleaned(raw: Json, named: set[str]) -> Json:
    metadata = {name: value for name, value in raw["metadata"].items() if name != "managedFields"}
    annotations = {
        name: value
        for name, value in (metadata.pop("annotations", None) or {}).items()
        if name in named or name.startswith(_PREFIXES)
    }
    return {**raw, "metadata": {**metadata, **({"annotations": annotations} if annotations else {})}}


def _node_annotations(peers: Iterable[Json]) -> Iterator[str]:
    """Yield the annotations of nodes from which BGPPeers take values."""
    for peer in peers:
        for source in (peer.get("spec") or {}).values():
            if isinstance(source, Mapping) and isinstance(source.get("nodeAnnotation"), str):
                yield source["nodeAnnotation"]


def pod_summary(pod: Json) -> Json:
    """Return the state of a pod: no variables, no arguments, no volumes."""
    status = pod.get("status") or {}
    containers = [
        {
            name: container.get(name)
            for name in ("name", "image", "imageID", "ready", "restartCount", "state", "lastState")
        }
        for container in status.get("containerStatuses") or ()
    ]
    return {
        "name": pod["metadata"]["name"],
        "node": pod["spec"].get("nodeName"),
        "phase": status.get("phase"),
        "conditions": status.get("conditions") or [],
        "containers": containers,
    }
