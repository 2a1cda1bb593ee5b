"""The container images of a lab, as archives that `ctr images import` takes in the order given.

One archive is large: ExaLB's image without ExaLB's code, and with it Debian, Python and the packages. All others are
small, because they stand on its layers: the code, the demo's servers, the pause container. So a change of the code
makes and loads one small archive. Archives are named by the digest of what they are made from and are made once.
"""

import hashlib
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.lab import buildah, cache, oci
from tests.lab.cache import Say

CHECKOUT = Path(__file__).parents[2]
REPOSITORY = "lab.exalb.io"
ECHO_HNAME, ECHO_IP, PAUSE = (f"{REPOSITORY}/{name}:1" for name in ("echo-hname", "echo-ip", "pause"))
KEPT = 14 * 24 * 3600
"""Seconds after which an archive that nobody used is removed."""
SCRATCH_KEPT = 24 * 3600
"""Seconds after which a scratch directory belongs to no living run."""

_ECHO = CHECKOUT / "tests" / "lab" / "echo.py"
DESCRIPTION = ("Dockerfile", ".dockerignore", "requirements")
CODE = ("LICENSE", "README.md", "pyproject.toml", "operator", "bgp")


@dataclass(frozen=True, slots=True)
class Archive:
    """A file for `ctr images import`, and the reference by which a pod names the image in it."""

    path: Path
    reference: str


def archives(say: Say, checkout: Path = CHECKOUT) -> list[Archive]:
    """Return every image of a lab, in the order of loading. Raises progress.CommandError when a build fails."""
    return [runtime_image(say, checkout), exalb_image(say, checkout), *demo_images(say, checkout)]


def runtime_image(say: Say, checkout: Path = CHECKOUT) -> Archive:
    """Return ExaLB's image without its code: the Dockerfile's stage `runtime`, with all its layers."""
    key = _digest(checkout, DESCRIPTION)
    archive = Archive(_directory() / f"runtime-{key}.tar", f"{REPOSITORY}/runtime:{key}")
    if not _present(archive.path):
        say("building the image of ExaLB's packages: a minute or two, once")
        with buildah.storage(_storage(), say) as images, tempfile.TemporaryDirectory(dir=_directory()) as scratch:
            images.build(checkout, "runtime", "building ExaLB's packages")
            image, files = images.image("runtime", Path(scratch))
            _write(archive, image, list(files.values()))
        _forget_old()
    return archive


def exalb_image(say: Say, checkout: Path = CHECKOUT) -> Archive:
    """Return ExaLB's image as the checkout's code is now; it carries the code alone and needs `runtime_image`.

    It is what the last stage of the Dockerfile says: the stage `code` over the stage `runtime`.
    """
    below = runtime_image(say, checkout)
    key = _digest(checkout, (*DESCRIPTION, *CODE))
    archive = Archive(_directory() / f"exalb-{key}.tar", f"{REPOSITORY}/exalb:{key}")
    if not _present(archive.path):
        with buildah.storage(_storage(), say) as images, tempfile.TemporaryDirectory(dir=_directory()) as scratch:
            images.build(checkout, "code", "building ExaLB's code")
            code, files = images.image("code", Path(scratch))
            image = oci.read_archive(below.path)
            for layer in code.layers:
                image = image.with_layer(layer)
            _write(archive, image, list(files.values()))
    return archive


def layout(directory: Path, say: Say) -> Path:
    """Unpack ExaLB's image with all its layers into a directory (OCI image layout), and return that.

    The archive of the code comes last, and its index is the one that stays.
    """
    for archive in (runtime_image(say), exalb_image(say)):
        with tarfile.open(archive.path) as tar:
            tar.extractall(directory, filter="data")
    return directory


def demo_images(say: Say, checkout: Path = CHECKOUT) -> list[Archive]:
    """Return the images of the demo's pods and of the pods' sandboxes; they need `runtime_image`.

    The servers run as root: containerd before 2.0 lets nobody else listen on port 80.
    """
    below = runtime_image(say, checkout)
    key = hashlib.sha256(below.reference.encode() + Path(__file__).read_bytes() + _ECHO.read_bytes()).hexdigest()[:12]
    base = oci.read_archive(below.path)
    layer, content = oci.layer_of({"echo.py": _ECHO.read_bytes()})
    servers = base.with_layer(layer)
    made = []
    for reference, image, layers in (
        (ECHO_HNAME, servers.running("/usr/bin/python3", "-I", "-u", "/echo.py", "name", user="0"), [content]),
        (ECHO_IP, servers.running("/usr/bin/python3", "-I", "-u", "/echo.py", "address", user="0"), [content]),
        (PAUSE, base.running("/usr/bin/sleep", "infinity", user="65532"), []),
    ):
        name = reference.rpartition("/")[2].partition(":")[0]
        archive = Archive(_directory() / f"{name}-{key}.tar", reference)
        if not _present(archive.path):
            _write(archive, image, layers)
        made.append(archive)
    return made


def _directory() -> Path:
    path = cache.root() / "images"
    path.mkdir(exist_ok=True)
    return path


def _storage() -> Path:
    return cache.root() / "buildah"


def _digest(checkout: Path, names: Iterable[str]) -> str:
    """Return a digest of the files' paths and contents, folders with all that is in them."""
    digest = hashlib.sha256()
    for name in names:
        top = checkout / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and path.parent.name != "__pycache__":
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                digest.update(f"{path.relative_to(checkout)} {content}\n".encode())
    return digest.hexdigest()[:12]


def _present(path: Path) -> bool:
    """Whether the archive is there; if so it counts as used now."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _write(archive: Archive, image: oci.Image, layers: list[Path] | list[bytes]) -> None:
    with tempfile.TemporaryDirectory(dir=archive.path.parent) as scratch:
        file = Path(scratch) / archive.path.name
        oci.write_archive(file, image, archive.reference, layers)
        file.rename(archive.path)


def _forget_old() -> None:
    """Remove archives that nobody used for long, and the scratch directories of killed runs."""
    for path in _directory().iterdir():
        unused = time.time() - path.stat().st_mtime
        if path.is_dir() and unused > SCRATCH_KEPT:
            shutil.rmtree(path)
        elif path.suffix == ".tar" and unused > KEPT:
            path.unlink()
