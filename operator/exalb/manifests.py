"""Manifests from files, folders and standard input into a picture of the cluster, with the API server's defaults."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from exalb.cluster import Cluster, EndpointSlice, Key
from exalb.parse import (
    MalformedError,
    key_of,
    parse_endpoint_slice,
    parse_namespace,
    parse_node,
    parse_secret,
    parse_service,
)
from exalb.parse_resources import parse_advertisement, parse_peer, parse_pool
from exalb.reasons import Invalid, Reason
from exalb.resources.common import GROUP

_SUFFIXES = {".yaml", ".yml", ".json"}


class UnreadableError(Exception):
    """Some input is no manifest at all; the message says where and why."""


def read(paths: Sequence[str]) -> list[dict[str, Any]]:
    """Return the objects of all manifests, Lists taken apart, in the order given; raise UnreadableError."""
    return [found for source, text in _texts(paths) for document in _documents(source, text) for found in document]


def _texts(paths: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in paths:
        if name == "-":
            yield "standard input", sys.stdin.read()
            continue
        path = Path(name)
        files = sorted(one for one in path.rglob("*") if one.suffix in _SUFFIXES) if path.is_dir() else [path]
        for file in files:
            try:
                yield str(file), file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise UnreadableError(f"{file}: cannot be read: {error}") from error


def _documents(source: str, text: str) -> Iterator[list[dict[str, Any]]]:
    try:
        for document in yaml.load_all(text, Loader=_Loader):
            if document is not None:
                yield list(_objects(source, document))
    except yaml.YAMLError as error:
        raise UnreadableError(f"{source}: is no YAML: {error}") from error


def _objects(source: str, document: object) -> Iterator[dict[str, Any]]:
    if not isinstance(document, dict) or not isinstance(document.get("kind"), str) or "apiVersion" not in document:
        raise UnreadableError(f"{source}: holds something that is no Kubernetes object: it has no apiVersion and kind")
    if document["kind"].endswith("List") and "items" in document:
        for item in document["items"] or ():
            # Items of a typed list, such as ServiceList, may leave out what the list says of them all.
            typed = {"apiVersion": document["apiVersion"], "kind": document["kind"].removesuffix("List")}
            yield from _objects(source, {**typed, **item} if isinstance(item, dict) and typed["kind"] else item)
        return
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        raise UnreadableError(f"{source}: holds a {document['kind']} without a metadata.name")
    yield document


class _Loader(yaml.CSafeLoader):
    """Reads YAML as Kubernetes does: what looks like a date is text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


@dataclass
class _Sorted:
    """Objects by kind, while they are read."""

    kinds: dict[str, dict[Any, Any]] = field(default_factory=dict)
    malformed: list[Invalid] = field(default_factory=list)

    def put(self, kind: str, key: object, value: object) -> None:
        """Keep an object; of two with one name the later counts, as with `kubectl apply`."""
        self.kinds.setdefault(kind, {})[key] = value


_CORE: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], Any]] = {
    ("v1", "Service"): parse_service,
    ("v1", "Node"): parse_node,
    ("v1", "Namespace"): parse_namespace,
    ("v1", "Secret"): parse_secret,
    ("discovery.k8s.io", "EndpointSlice"): parse_endpoint_slice,
    (GROUP, "IPAddressPool"): parse_pool,
    (GROUP, "BGPPeer"): parse_peer,
    (GROUP, "BGPAdvertisement"): parse_advertisement,
}
_NAMESPACED = {"Service", "Secret", "EndpointSlice"}


def picture(objects: Iterable[dict[str, Any]], namespace: str) -> tuple[Cluster, tuple[Invalid, ...]]:
    """Return the picture that `objects` make, and those that do not fit in; Secrets count in `namespace` only."""
    found = _Sorted()
    for raw in objects:
        group = raw["apiVersion"].rpartition("/")[0] or raw["apiVersion"]
        kind, parse = raw["kind"], _CORE.get((group, raw["kind"]))
        if parse is None or (kind == "Secret" and key_of(raw).namespace != namespace):
            continue
        try:
            key: Any = key_of(raw) if kind in _NAMESPACED else raw["metadata"]["name"]
            found.put(kind, key, parse(raw))
        except MalformedError as error:
            found.malformed.append(Invalid(kind, raw["metadata"]["name"], "spec", Reason.INVALID_SPEC, str(error)))
    kinds = found.kinds
    cluster = Cluster(
        services=kinds.get("Service", {}),
        slices=_by_service(kinds.get("EndpointSlice", {}).values()),
        nodes=kinds.get("Node", {}),
        namespaces=kinds.get("Namespace", {}),
        secrets={key.name: secret for key, secret in kinds.get("Secret", {}).items()},
        pools=kinds.get("IPAddressPool", {}),
        peers=kinds.get("BGPPeer", {}),
        advertisements=kinds.get("BGPAdvertisement", {}),
    )
    return cluster, tuple(found.malformed)


def _by_service(slices: Iterable[EndpointSlice | None]) -> dict[Key, tuple[EndpointSlice, ...]]:
    grouped: dict[Key, list[EndpointSlice]] = {}
    for one in slices:
        if one:
            grouped.setdefault(one.service, []).append(one)
    return {key: tuple(sorted(parts, key=lambda part: part.key)) for key, parts in grouped.items()}
