"""Reads manifests from files, folders and standard input into a snapshot, with the defaults of the API server."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from exalb.api.manifest_fields import misplaced_fields
from exalb.api.reasons import Finding, Reason
from exalb.api.schema import GROUP, VERSION
from exalb.api.unknown_fields import unknown_fields
from exalb.kube.documents import MAX_SIZE, UNREADABLE, documents_of
from exalb.model.cluster import Cluster, EndpointSlice, Key
from exalb.model.kinds import BY_NAME, ENDPOINT_SLICE, Kind
from exalb.model.parse_core import MalformedError, key_of
from exalb.model.scope import DEFAULT

_SUFFIXES = {".yaml", ".yml", ".json"}

_KINDS = {(kind.group, kind.name): kind for kind in BY_NAME.values()}
"""By API group and name; objects of other kinds are in no snapshot."""


class UnreadableError(Exception):
    """Some input is no manifest at all; the message says where and why."""


class Manifests(NamedTuple):
    """The content of files and folders."""

    objects: list[dict[str, Any]]
    """The objects of all kinds, Lists taken apart, in the order given."""
    left_out: list[str]
    """Files of folders that hold something other than Kubernetes objects."""


def read(paths: Sequence[str]) -> Manifests:
    """Return the content of `paths`; raise UnreadableError."""
    found = Manifests([], [])
    for source, text, is_in_folder in _texts(paths):
        documents = _documents(source, text)
        if is_in_folder and documents and not any(_is_object(document) for document in documents):
            found.left_out.append(source)
            continue
        for document in documents:
            found.objects.extend(_objects(source, document))
    return found


def _texts(paths: Sequence[str]) -> Iterator[tuple[str, str, bool]]:
    """Yield the source and the text of each file, and whether it was found in a folder."""
    for name in paths:
        path = Path(name)
        if name == "-":
            yield "standard input", _text("standard input", sys.stdin.buffer), False
            continue
        for file in _files(path) if path.is_dir() else [path]:
            try:
                with file.open("rb") as stream:
                    yield str(file), _text(str(file), stream), file != path
            except OSError as error:
                raise UnreadableError(f"{file}: cannot be read: {error}") from error


def _files(folder: Path) -> list[Path]:
    """Return the manifests below a folder; what is hidden, such as `.git`, is not entered."""
    found = (path for path in folder.rglob("*") if path.suffix in _SUFFIXES and path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _text(source: str, stream: BinaryIO) -> str:
    data = stream.read(MAX_SIZE + 1)
    if len(data) > MAX_SIZE:
        raise UnreadableError(f"{source}: cannot be read: is larger than {MAX_SIZE >> 20} MiB")
    try:
        return data.decode("utf-8-sig")
    except ValueError as error:
        raise UnreadableError(f"{source}: cannot be read: {error}") from error


def _documents(source: str, text: str) -> list[object]:
    try:
        return list(documents_of(text))
    except UNREADABLE as error:
        raise UnreadableError(f"{source}: is no YAML or JSON that can be read: {error}") from error


def _is_object(document: object) -> bool:
    return isinstance(document, dict) and all(isinstance(document.get(key), str) for key in ("kind", "apiVersion"))


def _objects(source: str, document: object) -> Iterator[dict[str, Any]]:
    if not isinstance(document, dict) or not _is_object(document):
        raise UnreadableError(f"{source}: holds something that is no Kubernetes object: it has no apiVersion and kind")
    kind, items = document["kind"], document.get("items")
    if kind.endswith("List") and "items" in document:
        if not isinstance(items, list | None):
            raise UnreadableError(f"{source}: holds a {kind} whose items are no list")
        for item in items or ():
            # Items of a typed list, such as ServiceList, may leave out what the list says of them all.
            typed = {"apiVersion": document["apiVersion"], "kind": kind.removesuffix("List")}
            yield from _objects(source, {**typed, **item} if isinstance(item, dict) and typed["kind"] else item)
        return
    if is_planned(document) and not has_name(document):
        raise UnreadableError(f"{source}: holds a {kind} without a metadata.name")
    yield document


def has_name(raw: Mapping[str, Any]) -> bool:
    """Return whether an object has a name, of whatever type."""
    metadata = raw.get("metadata")
    return isinstance(metadata, dict) and metadata.get("name") is not None


def is_planned(raw: Mapping[str, Any]) -> bool:
    """Return whether an object is of a kind that a plan reads, or claims to be one of ours."""
    group = raw["apiVersion"].rpartition("/")[0]
    return group == GROUP or (group, raw["kind"]) in _KINDS


@dataclass
class _ManifestIndex:
    """Objects by field of `Cluster` and key; of two with one name the later counts, as with `kubectl apply`."""

    values: dict[str, Any] = field(default_factory=dict)
    malformed: dict[tuple[str, Any], tuple[Finding, ...]] = field(default_factory=dict)

    def put(self, kind: Kind, key: object, raw: dict[str, Any]) -> None:
        """Keep the value of an object, or why there is none; and which of its fields there are none of."""
        values = self.values.setdefault(kind.cluster_field, {})
        values.pop(key, None)
        self.malformed.pop((kind.name, key), None)
        try:
            values[key] = kind.parse(raw)
            self.malformed[kind.name, key] = (*unknown_fields(raw), *misplaced_fields(raw))
        except MalformedError as error:
            self.malformed[kind.name, key] = _malformed(raw, error)


def snapshot_of(objects: Iterable[dict[str, Any]], namespace: str) -> tuple[Cluster, tuple[Finding, ...]]:
    """Return the snapshot of `objects`, and findings about malformed ones; Secrets count in `namespace` only."""
    index = _ManifestIndex()
    for raw in filter(is_planned, objects):
        name = str(raw["metadata"]["name"])
        refusal = _version_finding(raw) or _name_finding(raw)
        if refusal:
            index.malformed[raw["kind"], name] = (refusal,)
            continue
        kind = BY_NAME[raw["kind"]]
        try:
            if not kind.own_namespace or key_of(raw).namespace == namespace:
                index.put(kind, kind.key(raw), raw)
        except MalformedError as error:
            index.malformed[kind.name, name] = _malformed(raw, error)
    slices: dict[Key, EndpointSlice | None] = index.values.pop(ENDPOINT_SLICE.cluster_field, {})
    scope = DEFAULT._replace(secrets_namespace=namespace)
    cluster = Cluster(**index.values, slices=_by_service(slices.values()), scope=scope)
    return cluster, tuple(mistake for mistakes in index.malformed.values() for mistake in mistakes)


def _version_finding(raw: Mapping[str, Any]) -> Finding | None:
    """Return the finding about a kind or version that the API server does not have."""
    version, kind = raw["apiVersion"], raw["kind"]
    known = _KINDS.get((version.rpartition("/")[0], kind))
    if known is None:
        ours = ", ".join(sorted(kind.name for kind in BY_NAME.values() if kind.group == GROUP))
        message = f"no kind {kind} in {GROUP}/{VERSION}: ExaLB has {ours}"
        return Finding(kind, str(raw["metadata"]["name"]), "kind", Reason.INVALID_SPEC, message)
    if version == known.api_version or known.optional:
        return None
    message = f"no kind {kind} in {version}: write {known.api_version}"
    return Finding(kind, str(raw["metadata"]["name"]), "apiVersion", Reason.INVALID_SPEC, message)


def _name_finding(raw: Mapping[str, Any]) -> Finding | None:
    metadata = raw["metadata"]
    for field_name in ("name", "namespace"):
        value = metadata.get(field_name)
        if value is not None and not isinstance(value, str):
            message = f"{value} is not a string: put it in quotes"
            return Finding(raw["kind"], str(metadata["name"]), f"metadata.{field_name}", Reason.INVALID_SPEC, message)
    return None


def _malformed(raw: Mapping[str, Any], error: MalformedError) -> tuple[Finding]:
    return (Finding(raw["kind"], raw["metadata"]["name"], "spec", Reason.INVALID_SPEC, str(error)),)


def _by_service(slices: Iterable[EndpointSlice | None]) -> dict[Key, tuple[EndpointSlice, ...]]:
    grouped: dict[Key, list[EndpointSlice]] = {}
    for endpoints in slices:
        if endpoints:
            grouped.setdefault(endpoints.service, []).append(endpoints)
    return {key: tuple(sorted(parts, key=lambda part: part.key)) for key, parts in grouped.items()}
