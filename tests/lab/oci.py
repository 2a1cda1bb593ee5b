"""Container images as values, and the archives that carry them (OCI image specification 1.1: image layout, manifest).

An image is its configuration and its layers, bottom first. An archive may leave out layers that lie elsewhere: a
container runtime that has them takes the few kilobytes that are new.
"""

import copy
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True, slots=True)
class Layer:
    """An uncompressed layer: its SHA-256 in hexadecimal and its length in bytes."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Image:
    """An image's configuration (its `architecture`, `os` and `config`) and its layers, bottom first."""

    config: Mapping[str, Any]
    layers: tuple[Layer, ...]

    def with_layer(self, layer: Layer) -> "Image":
        """Return the image with one more layer on top."""
        return Image(self.config, (*self.layers, layer))

    def running(self, *command: str, user: str) -> "Image":
        """Return the image with another command and user."""
        config = copy.deepcopy(dict(self.config))
        config["config"] = {**config["config"], "Entrypoint": list(command), "Cmd": None, "User": user}
        return Image(config, self.layers)


def layer_of(files: Mapping[str, bytes]) -> tuple[Layer, bytes]:
    """Return a layer of root's files, given by their paths without the leading slash, and the layer's bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in sorted(files.items()):
            _add(tar, name, content)
    data = buffer.getvalue()
    return Layer(hashlib.sha256(data).hexdigest(), len(data)), data


def read_directory(directory: Path) -> tuple[Image, dict[str, Path]]:
    """Read the image that `buildah push … dir:` wrote: return it, and the file of each layer by its digest."""
    manifest = json.loads((directory / "manifest.json").read_text())
    config = json.loads((directory / _hex(manifest["config"])).read_text())
    layers = tuple(Layer(_hex(layer), layer["size"]) for layer in manifest["layers"])
    return Image(_essence(config), layers), {layer.digest: directory / layer.digest for layer in layers}


def read_archive(path: Path) -> Image:
    """Read the first image of an archive that `write_archive` wrote."""
    with tarfile.open(path) as tar:

        def load(name: str) -> Any:
            file = tar.extractfile(name)
            return json.load(file) if file else None

        manifest = load(_place(_hex(load("index.json")["manifests"][0])))
        config = load(_place(_hex(manifest["config"])))
    return Image(_essence(config), tuple(Layer(_hex(layer), layer["size"]) for layer in manifest["layers"]))


def write_archive(path: Path, image: Image, reference: str, layers: Sequence[Path | bytes]) -> None:
    """Write an archive of `image` under the name `reference`, which carries those `layers` alone."""
    config = json.dumps(
        {
            **image.config,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in image.layers]},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor(CONFIG, config),
            "layers": [
                {"mediaType": LAYER, "digest": f"sha256:{layer.digest}", "size": layer.size} for layer in image.layers
            ],
        }
    ).encode()
    # containerd names the image by the first annotation, other tools by the second.
    names = {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference}
    index = {"schemaVersion": 2, "manifests": [{**_descriptor(MANIFEST, manifest), "annotations": names}]}
    with tarfile.open(path, "w") as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _add(tar, "index.json", json.dumps(index).encode())
        for blob in (config, manifest, *(layer for layer in layers if isinstance(layer, bytes))):
            _add(tar, _place(hashlib.sha256(blob).hexdigest()), blob)
        for file in (layer for layer in layers if isinstance(layer, Path)):
            tar.add(file, _place(file.name))


def _essence(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what describes the image: not when it was made, nor the random name of the container it was made in."""
    described = {key: value for key, value in config["config"].items() if key != "Hostname"}
    return {"architecture": config["architecture"], "os": config["os"], "config": described}


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{hashlib.sha256(blob).hexdigest()}", "size": len(blob)}


def _hex(descriptor: Mapping[str, Any]) -> str:
    return str(descriptor["digest"]).removeprefix("sha256:")


def _place(digest: str) -> str:
    return f"blobs/sha256/{digest}"


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o644
    tar.addfile(member, io.BytesIO(content))
