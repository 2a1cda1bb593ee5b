"""Manifests from files, folders and standard input into a picture of the cluster, with the API server's defaults."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from exalb.cluster import Cluster, EndpointSlice, Key
from exalb.fields import unknown_fields
from exalb.parse import (
    MalformedError,
    key_of,
    parse_endpoint_slice,
    parse_namespace,
    parse_node,
    parse_secret,
    parse_service,
    parse_service_cidr,
)
from exalb.parse_resources import parse_advertisement, parse_community_names, parse_peer, parse_pool
from exalb.reasons import Invalid, Reason
from exalb.resources.common import GROUP

_SUFFIXES = {".yaml", ".yml", ".json"}

_PARSE: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], Any]] = {
    ("v1", "Service"): parse_service,
    ("v1", "Node"): parse_node,
    ("v1", "Namespace"): parse_namespace,
    ("v1", "Secret"): parse_secret,
    ("discovery.k8s.io", "EndpointSlice"): parse_endpoint_slice,
    ("networking.k8s.io", "ServiceCIDR"): parse_service_cidr,
    (GROUP, "IPAddressPool"): parse_pool,
    (GROUP, "BGPPeer"): parse_peer,
    (GROUP, "BGPAdvertisement"): parse_advertisement,
    (GROUP, "Community"): parse_community_names,
}
"""By API group, or version where there is none, and kind; any other object is none of our business."""
_NAMESPACED = {"Service", "Secret", "EndpointSlice"}


class UnreadableError(Exception):
    """Some input is no manifest at all; the message says where and why."""


def read(paths: Sequence[str]) -> list[dict[str, Any]]:
    """Return the objects of all manifests, Lists taken apart, in the order given; raise UnreadableError."""
    return [found for source, text in _texts(paths) for found in _objects_of(source, text)]


def _texts(paths: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in paths:
        path = Path(name)
        files = sorted(one for one in path.rglob("*") if one.suffix in _SUFFIXES) if path.is_dir() else [path]
        for file in files if name != "-" else [None]:
            source = str(file or "standard input")
            try:
                data = file.read_bytes() if file else sys.stdin.buffer.read()
                yield source, data.decode("utf-8-sig")
            except (OSError, ValueError) as error:
                raise UnreadableError(f"{source}: cannot be read: {error}") from error


_BROKEN = (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""PyYAML lets slip what its constructors stumble over, such as an explicit tag on a value of another type."""


def _objects_of(source: str, text: str) -> list[dict[str, Any]]:
    try:
        return [found for document in _documents(text) for found in _objects(source, document)]
    except _BROKEN as error:
        raise UnreadableError(f"{source}: is no YAML or JSON that can be read: {error}") from error


def _documents(text: str) -> Iterator[object]:
    """Yield the documents of a text; what is JSON as a whole is read as such, which is quicker and knows all of it."""
    if text.lstrip().startswith("{"):
        try:
            yield json.loads(text)
        except ValueError:
            pass
        else:
            return
    for document in yaml.load_all(text, Loader=_Loader):
        if document is not None:
            yield document


def _objects(source: str, document: object) -> Iterator[dict[str, Any]]:
    if not isinstance(document, dict) or not all(isinstance(document.get(key), str) for key in ("kind", "apiVersion")):
        raise UnreadableError(f"{source}: holds something that is no Kubernetes object: it has no apiVersion and kind")
    kind, items = document["kind"], document.get("items")
    if kind.endswith("List") and "items" in document:
        if not isinstance(items, list | None):
            raise UnreadableError(f"{source}: holds a {kind} whose items are no list")
        for item in items or ():
            # Items of a typed list, such as ServiceList, may leave out what the list says of them all.
            typed = {"apiVersion": document["apiVersion"], "kind": kind.removesuffix("List")}
            yield from _objects(source, {**typed, **item} if isinstance(item, dict) and typed["kind"] else item)
    elif _parser(document):
        metadata = document.get("metadata")
        if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
            raise UnreadableError(f"{source}: holds a {kind} without a metadata.name")
        yield document


def _parser(raw: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Any] | None:
    group = raw["apiVersion"].rpartition("/")[0] or raw["apiVersion"]
    return _PARSE.get((group, raw["kind"]))


class _Loader(yaml.CSafeLoader):
    """Reads plain words as Kubernetes does: dates are text, and so is `64512:10`, which YAML 1.1 counts to base 60."""


_REPLACED = {f"tag:yaml.org,2002:{name}" for name in ("timestamp", "value", "int", "float")}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _REPLACED]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"[-+]?(0|[1-9][0-9_]*|0[0-7_]+|0b[01_]+|0x[0-9a-fA-F_]+)$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?$|[-+]?\.inf$|\.nan$", re.IGNORECASE),
    list("-+0123456789."),
)


@dataclass
class _Sorted:
    """Objects by kind and key, while they are read; of two with one name the later counts, as with `kubectl apply`."""

    kinds: dict[str, dict[Any, Any]] = field(default_factory=dict)
    malformed: dict[tuple[str, Any], tuple[Invalid, ...]] = field(default_factory=dict)

    def put(self, kind: str, key: object, raw: dict[str, Any]) -> None:
        """Keep the value of an object, or why there is none; and which of its fields there are none of."""
        values, parse = self.kinds.setdefault(kind, {}), _parser(raw)
        values.pop(key, None)
        self.malformed.pop((kind, key), None)
        try:
            values[key] = parse and parse(raw)
            self.malformed[kind, key] = unknown_fields(raw)
        except MalformedError as error:
            self.malformed[kind, key] = _malformed(raw, error)


def picture(objects: Iterable[dict[str, Any]], namespace: str) -> tuple[Cluster, tuple[Invalid, ...]]:
    """Return the picture that `objects` make, and those that do not fit in; Secrets count in `namespace` only."""
    found = _Sorted()
    for raw in objects:
        kind, name = raw["kind"], raw["metadata"]["name"]
        try:
            key: Any = key_of(raw) if kind in _NAMESPACED else name
        except MalformedError as error:
            found.malformed[kind, name] = _malformed(raw, error)
            continue
        if kind != "Secret" or key.namespace == namespace:
            found.put(kind, key, raw)
    kinds = found.kinds
    cluster = Cluster(
        services=kinds.get("Service", {}),
        slices=_by_service(kinds.get("EndpointSlice", {}).values()),
        nodes=kinds.get("Node", {}),
        namespaces=kinds.get("Namespace", {}),
        service_ranges=kinds.get("ServiceCIDR", {}),
        secrets={key.name: secret for key, secret in kinds.get("Secret", {}).items()},
        pools=kinds.get("IPAddressPool", {}),
        peers=kinds.get("BGPPeer", {}),
        advertisements=kinds.get("BGPAdvertisement", {}),
        communities=kinds.get("Community", {}),
    )
    return cluster, tuple(mistake for mistakes in found.malformed.values() for mistake in mistakes)


def _malformed(raw: Mapping[str, Any], error: MalformedError) -> tuple[Invalid]:
    return (Invalid(raw["kind"], raw["metadata"]["name"], "spec", Reason.INVALID_SPEC, str(error)),)


def _by_service(slices: Iterable[EndpointSlice | None]) -> dict[Key, tuple[EndpointSlice, ...]]:
    grouped: dict[Key, list[EndpointSlice]] = {}
    for one in slices:
        if one:
            grouped.setdefault(one.service, []).append(one)
    return {key: tuple(sorted(parts, key=lambda part: part.key)) for key, parts in grouped.items()}
