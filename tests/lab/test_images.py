"""ExaLB's image in the lab is the very one that its Dockerfile describes, put together from two of its stages."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest

from tests.lab import buildah, cache, images, oci, packages

PROGRAMS = ("opt/exalb/bin/exalb", "opt/exalb/bin/kubectl-exalb")


def test_layer_is_named_by_its_content() -> None:
    first, data = oci.layer_of({"b": b"2", "a": b"1"})
    assert (first, data) == oci.layer_of({"a": b"1", "b": b"2"})
    assert first != oci.layer_of({"a": b"1", "b": b"3"})[0]


def test_archive_restores_the_image(tmp_path: Path) -> None:
    layer, data = oci.layer_of({"file": b"content"})
    image = oci.Image({"architecture": "amd64", "os": "linux", "config": {"User": "1"}}, (layer,))
    oci.write_archive(tmp_path / "image.tar", image, "lab.exalb.io/image:1", [data])
    assert oci.read_archive(tmp_path / "image.tar") == image


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what images are made from, so that nobody changes it meanwhile."""
    if os.geteuid() != 0:
        pytest.skip("images are built by buildah, which takes root")
    packages.ensure(print, packages.IMAGES)
    copy = tmp_path_factory.mktemp("checkout")
    for name in (*images.DESCRIPTION, *images.CODE):
        source = images.CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    return copy


@pytest.fixture(scope="module")
def built(checkout: Path) -> list[images.Archive]:
    return images.archives(print, checkout)


def test_second_run_builds_nothing(built: list[images.Archive], checkout: Path) -> None:
    lines: list[str] = []
    assert images.archives(lines.append, checkout) == built
    assert lines == []


def test_only_the_first_archive_is_large(built: list[images.Archive]) -> None:
    sizes = [archive.path.stat().st_size for archive in built]
    assert sizes[0] > 50e6
    assert all(size < 5e6 for size in sizes[1:])


def test_changed_code_needs_one_new_archive(built: list[images.Archive], checkout: Path) -> None:
    code = checkout / "bgp" / "exalb_bgp" / "__init__.py"
    before = code.read_bytes()
    code.write_bytes(before + f"# {os.urandom(8).hex()}\n".encode())
    try:
        changed = images.archives(print, checkout)
    finally:
        code.write_bytes(before)
    assert [old == new for old, new in zip(built, changed, strict=True)] == [True, False, True, True, True]
    assert changed[1].reference != built[1].reference
    changed[1].path.unlink()


def test_image_matches_the_dockerfile(built: list[images.Archive], checkout: Path) -> None:
    with buildah.storage(cache.root() / "buildah", print) as storage, tempfile.TemporaryDirectory() as scratch:
        storage.build(checkout, "exalb", "building the whole image")
        whole, files = storage.image("exalb", Path(scratch))
        described = _names(files[whole.layers[-1].digest])
    ours = oci.read_archive(built[1].path)
    assert ours.config == whole.config
    assert ours.layers[:-1] == whole.layers[:-1]
    with tarfile.open(built[1].path) as archive:
        content = archive.extractfile(f"blobs/sha256/{ours.layers[-1].digest}")
        assert content
        with tarfile.open(fileobj=content) as layer:
            assert set(layer.getnames()) == described
    assert described.issuperset(PROGRAMS)


def _names(layer: Path) -> set[str]:
    with tarfile.open(layer) as tar:
        return set(tar.getnames())


def test_image_runs_as_an_unprivileged_user(built: list[images.Archive]) -> None:
    config = oci.read_archive(built[1].path).config["config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["exalb"]


@pytest.mark.release
@pytest.mark.timeout(900)
def test_image_built_again_elsewhere_is_the_same(built: list[images.Archive], checkout: Path, tmp_path: Path) -> None:
    """Bit for bit: the digests of the configuration and of all layers, from an empty cache."""
    script = (
        "import sys; from pathlib import Path; from tests.lab import images\n"
        "images.exalb_image(print, Path(sys.argv[1]))\n"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script, checkout], cwd=images.CHECKOUT, env=environment, check=True)
    (again,) = (tmp_path / "exalb-lab" / "images").glob("exalb-*.tar")
    first, second = oci.read_archive(built[1].path), oci.read_archive(again)
    assert second.config == first.config
    assert second.layers == first.layers
