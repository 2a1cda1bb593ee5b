"""Kubernetes' programs come from the place that EXALB_LAB_KUBE names, and only with the right checksum."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.lab import binaries, cache, gobuild

STAND_IN = "#!/bin/sh\nexit 0\n"

needs_zstd = pytest.mark.skipif(shutil.which("zstd") is None, reason="a ready build is unpacked by zstd: install it")


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """Return a ready build: one small program that passes for all of Kubernetes, packed, with its checksum."""
    program = tmp_path / "program"
    program.write_text(STAND_IN)
    archive = tmp_path / "ready" / f"kube-v1.0.0-{binaries.machine()}.zst"
    archive.parent.mkdir()
    subprocess.run(["zstd", "--quiet", program, "-o", archive], check=True)
    (archive.parent / f"{archive.name}.sha256").write_text(f"{cache.digest(archive)}  {archive.name}\n")
    return archive


def test_directory_with_all_programs_is_used(tmp_path: Path, lines: list[str]) -> None:
    for program in binaries.PROGRAMS:
        (tmp_path / program).write_text(STAND_IN)
    assert binaries.kube(lines.append, str(tmp_path), tmp_path / "store") == tmp_path
    assert lines == []


def test_directory_without_some_programs_is_refused(tmp_path: Path, lines: list[str]) -> None:
    for program in binaries.PROGRAMS[2:]:
        (tmp_path / program).write_text(STAND_IN)
    with pytest.raises(binaries.BinariesError, match="lacks etcd, kube-apiserver and holds no ready build"):
        binaries.kube(lines.append, str(tmp_path), tmp_path / "store")


def test_missing_directory_is_refused(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(binaries.BinariesError, match="does not exist"):
        binaries.kube(lines.append, str(tmp_path / "nowhere"), tmp_path / "store")


@needs_zstd
@pytest.mark.parametrize("named", ["the file", "its directory"])
def test_ready_build_is_unpacked_under_every_name(ready: Path, tmp_path: Path, lines: list[str], named: str) -> None:
    source = ready if named == "the file" else ready.parent
    directory = binaries.kube(lines.append, str(source), tmp_path / "store")
    assert directory.parent == tmp_path / "store"
    for program in binaries.PROGRAMS:
        assert subprocess.run([directory / program], check=False).returncode == 0


@needs_zstd
def test_second_run_unpacks_nothing(ready: Path, tmp_path: Path, lines: list[str]) -> None:
    first = binaries.kube(lines.append, str(ready), tmp_path / "store")
    made = (first / "kube").stat()
    lines.clear()
    assert binaries.kube(lines.append, str(ready), tmp_path / "store") == first
    assert lines == []
    assert (first / "kube").stat().st_ino == made.st_ino


@needs_zstd
def test_spoiled_build_in_the_cache_is_unpacked_again(ready: Path, tmp_path: Path, lines: list[str]) -> None:
    directory = binaries.kube(lines.append, str(ready), tmp_path / "store")
    (directory / "kube").write_text("spoiled")
    assert binaries.kube(lines.append, str(ready), tmp_path / "store") == directory
    assert (directory / "kube").read_text() == STAND_IN


@needs_zstd
def test_build_with_a_wrong_checksum_is_refused(ready: Path, tmp_path: Path, lines: list[str]) -> None:
    with ready.open("ab") as file:
        file.write(b"more")
    with pytest.raises(binaries.BinariesError, match=r"is not what .* describes"):
        binaries.kube(lines.append, str(ready), tmp_path / "store")
    assert not list((tmp_path / "store").glob("*/kube"))


@needs_zstd
@pytest.mark.parametrize(("content", "message"), [(None, "cannot be checked"), ("what?", "does not begin with")])
def test_build_without_a_checksum_is_refused(
    ready: Path, tmp_path: Path, lines: list[str], content: str | None, message: str
) -> None:
    sums = ready.with_name(f"{ready.name}.sha256")
    sums.unlink()
    if content is not None:
        sums.write_text(content)
    with pytest.raises(binaries.BinariesError, match=message):
        binaries.kube(lines.append, str(ready), tmp_path / "store")


@needs_zstd
def test_build_that_does_not_run_is_refused_and_not_kept(tmp_path: Path, lines: list[str]) -> None:
    program, archive = tmp_path / "program", tmp_path / f"kube-v1.0.0-{binaries.machine()}.zst"
    program.write_text("#!/bin/sh\nexit 1\n")
    subprocess.run(["zstd", "--quiet", program, "-o", archive], check=True)
    archive.with_name(f"{archive.name}.sha256").write_text(cache.digest(archive))
    with pytest.raises(binaries.BinariesError, match="does not run on this machine"):
        binaries.kube(lines.append, str(archive), tmp_path / "store")
    assert not list((tmp_path / "store").glob("*/kube"))


@needs_zstd
def test_chosen_version_is_taken_from_ready_builds(ready: Path, tmp_path: Path, lines: list[str]) -> None:
    for version in gobuild.VERSIONS:
        archive = ready.with_name(f"kube-v{version}.9-{binaries.machine()}.zst")
        program = tmp_path / version
        program.write_text(f"{STAND_IN}# {version}\n")
        subprocess.run(["zstd", "--quiet", program, "-o", archive], check=True)
        archive.with_name(f"{archive.name}.sha256").write_text(cache.digest(archive))
    for version in gobuild.VERSIONS:
        directory = binaries.kube(lines.append, str(ready.parent), tmp_path / "store", version)
        assert f"# {version}\n" in (directory / "kube").read_text()


def test_version_that_cannot_be_built_is_refused(lines: list[str]) -> None:
    with pytest.raises(binaries.BinariesError, match=f"choose one of {gobuild.NEWEST}, "):
        binaries.kube(lines.append, version="1.30")


@pytest.mark.parametrize(
    ("module", "source"),
    [
        *((rf"k8s\.io/kubernetes v{version}\.\d+", source) for version, source in gobuild.VERSIONS.items()),
        (r"github\.com/zalando/skipper v\S+", gobuild.INGRESS),
    ],
)
def test_go_modules_are_pinned_by_hashes(module: str, source: gobuild.Source) -> None:
    [found] = re.findall(rf"({module})\n", source.pinned.read_text())
    assert f"{found} h1:" in source.pinned.with_suffix(".sum").read_text()


def test_go_is_pinned_by_hashes() -> None:
    assert "--hash=sha256:" in gobuild.GO.read_text()
