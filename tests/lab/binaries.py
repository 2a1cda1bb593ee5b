"""The programs of Kubernetes: what the person has, else what an earlier run made, else built from Go modules.

No package registry carries kube-apiserver, so the last road compiles it: all programs as one file that acts by the
name it is called by (`tests/lab/kube/main.go`), from modules that `go.mod` and `go.sum` pin. EXALB_LAB_KUBERNETES
chooses an older minor version of those in gobuild.VERSIONS.
"""

import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab import cache, gobuild, progress
from tests.lab.cache import Say

PROGRAMS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
    "kubectl",
    "helm",
)
FILE = "kube"
"""The name of the one file that is every program."""


VERSION = "EXALB_LAB_KUBERNETES"
"""The minor version of Kubernetes in labs that come up; unset it is the newest, or that of EXALB_LAB_KUBE."""


class BinariesError(RuntimeError):
    """The value of EXALB_LAB_KUBE or of VERSION cannot be used; the message has the cause and the remedy."""


def kube(say: Say, given: str | None = None, store: Path | None = None, version: str | None = None) -> Path:
    """Return a directory that holds every program of PROGRAMS under its name.

    `given` (default: EXALB_LAB_KUBE) names a directory with the programs, or a ready build `*.zst` with its
    `*.zst.sha256` in the same directory, or a directory with such a build. `store` is the directory of all builds.
    `version` (default: VERSION) chooses one; then only a ready build of that version is taken from `given`.
    Raises BinariesError, or progress.CommandError when a build fails.
    """
    named, chosen = given or os.environ.get("EXALB_LAB_KUBE"), _chosen(version)
    builds = store or cache.root() / "kube"
    if not named:
        return _built(builds, chosen or gobuild.NEWEST, say)
    source = Path(named).expanduser().absolute()
    if not source.exists():
        raise BinariesError(f"EXALB_LAB_KUBE names {source}, which does not exist: correct it, or unset it to build.")
    if chosen:
        archive = _ready_build(source, chosen)
        return _unpacked(archive, builds, say) if archive else _built(builds, chosen, say)
    if source.is_file():
        return _unpacked(source, builds, say)
    present = [program for program in PROGRAMS if (source / program).is_file()]
    if len(present) == len(PROGRAMS):
        return source
    if archive := _ready_build(source):
        return _unpacked(archive, builds, say)
    absent = ", ".join(program for program in PROGRAMS if program not in present)
    raise BinariesError(
        f"EXALB_LAB_KUBE names {source}, which lacks {absent} and holds no ready build for {machine()} (*.zst): "
        "put the programs there, or unset it to build them."
    )


@contextmanager
def meanwhile(say: Say) -> Iterator[None]:
    """Build the programs in a process of its own while the block runs, if they must be built; wait for it at the end.

    The process ends early when the block raises. `kube` returns what it built, or reports why it could not.
    """
    if not _must_build():
        yield
        return
    argv = ["setpriv", "--pdeathsig=TERM", sys.executable, "-u", "-m", "tests.lab.binaries"]
    with subprocess.Popen(
        argv,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        reader = threading.Thread(target=_repeat, args=(process.stdout, say), daemon=True)
        reader.start()
        try:
            yield
            process.wait()
        finally:
            process.terminate()
            reader.join()


def _chosen(version: str | None = None) -> str:
    """Return the chosen minor version; an empty text where none is."""
    version = version or os.environ.get(VERSION, "")
    if version and version not in gobuild.VERSIONS:
        served = ", ".join(gobuild.VERSIONS)
        raise BinariesError(f"{VERSION} is {version}, which the lab cannot build: choose one of {served}, or unset it.")
    return version


def _must_build() -> bool:
    chosen, named = _chosen(), os.environ.get("EXALB_LAB_KUBE")
    if named and (not chosen or _ready_build(Path(named).expanduser(), chosen)):
        return False
    source = gobuild.VERSIONS[chosen or gobuild.NEWEST]
    return not (cache.root() / "kube" / gobuild.key(machine(), source) / "SHA256").exists()


def _repeat(lines: Iterable[str] | None, say: Say) -> None:
    for line in lines or ():
        say(line.rstrip())


def machine() -> str:
    """Return the name of builds for this machine, such as `linux-amd64`."""
    name = platform.machine()
    return "linux-" + {"x86_64": "amd64", "aarch64": "arm64"}.get(name, name)


def _ready_build(place: Path, version: str = "") -> Path | None:
    """Return the newest ready build, or that of a minor version, in a directory; `place` may be the build itself."""
    directory = place.parent if place.is_file() else place
    pattern = f"kube-v{version}.*-{machine()}.zst" if version else f"kube-*-{machine()}.zst"
    builds = sorted(build for build in directory.glob(pattern) if place in (build, directory))
    return builds[-1] if builds else None


def _unpacked(archive: Path, builds: Path, say: Say) -> Path:
    expected = _published_digest(archive)
    directory = builds / expected[:16]
    with cache.lock(directory, say):
        if _sound(directory):
            return directory
        say(f"checking and unpacking {archive}")
        if (actual := cache.digest(archive)) != expected:
            raise BinariesError(
                f"{archive} is not what {archive.name}.sha256 describes: it has SHA-256 {actual}, not {expected}. "
                "Fetch both again, or unset EXALB_LAB_KUBE to build."
            )
        with cache.making(directory) as made:
            unpacked = subprocess.run(
                ["zstd", "--decompress", "--quiet", archive, "-o", made / FILE], check=False, capture_output=True
            )
            if unpacked.returncode != 0:
                raise BinariesError(f"{archive} cannot be unpacked: {unpacked.stderr.decode().strip()}")
            _finish(made)
    return directory


def _published_digest(archive: Path) -> str:
    sums = archive.with_name(f"{archive.name}.sha256")
    if not sums.is_file():
        raise BinariesError(f"{archive} has no {sums.name} next to it, so it cannot be checked: put the file there.")
    words = sums.read_text().split()
    if not words or len(words[0]) != hashlib.sha256().digest_size * 2:
        raise BinariesError(f"{sums} does not begin with a SHA-256: write it with sha256sum.")
    return words[0].lower()


def _built(builds: Path, version: str, say: Say) -> Path:
    source = gobuild.VERSIONS[version]
    directory, work = builds / gobuild.key(machine(), source), builds / "building"
    with cache.lock(work, say):
        if not _sound(directory):
            with cache.making(directory) as made:
                gobuild.build(made / FILE, work, say, source)
                _finish(made)
            shutil.rmtree(work)
    return directory


def _finish(made: Path) -> None:
    """Give the one file its names and note its digest, after it has shown that it runs on this machine."""
    file = made / FILE
    file.chmod(0o755)
    for program in PROGRAMS:
        (made / program).symlink_to(FILE)
    try:
        subprocess.run([made / "kubectl", "version", "--client"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BinariesError(f"This build of Kubernetes does not run on this machine ({machine()}): {error}") from None
    (made / "SHA256").write_text(cache.digest(file))


def _sound(directory: Path) -> bool:
    try:
        return (directory / "SHA256").read_text() == cache.digest(directory / FILE)
    except FileNotFoundError:
        return False


def main() -> int:
    """Build the programs, and print how far it is."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        kube(print)
    except (BinariesError, progress.CommandError):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
