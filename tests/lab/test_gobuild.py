"""A build of Go modules that was interrupted continues: what was fetched and compiled is kept."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.lab import gobuild

NOWHERE = "http://127.0.0.1:1"
"""A module proxy that refuses connections."""

pytestmark = [
    pytest.mark.release,
    pytest.mark.skipif(shutil.which("go") is None, reason="builds with the Go of this machine: install Go"),
]


@pytest.fixture
def proxy(tmp_path: Path) -> str:
    """Return a module proxy with one module, example.com/a."""
    versions = tmp_path / "proxy" / "example.com" / "a" / "@v"
    versions.mkdir(parents=True)
    module = "module example.com/a\n\ngo 1.26.0\n"
    (versions / "v1.0.0.info").write_text('{"Version": "v1.0.0"}')
    (versions / "v1.0.0.mod").write_text(module)
    with zipfile.ZipFile(versions / "v1.0.0.zip", "w") as archive:
        archive.writestr("example.com/a@v1.0.0/go.mod", module)
        archive.writestr("example.com/a@v1.0.0/a.go", "package a\n\nfunc A() int { return 1 }\n")
    return f"file://{tmp_path / 'proxy'}"


@pytest.fixture
def source(tmp_path: Path, proxy: str) -> Path:
    """Return a program that uses the module, with its go.sum."""
    program = tmp_path / "source"
    program.mkdir()
    (program / "go.mod").write_text("module example.com/main\n\ngo 1.26.0\n\nrequire example.com/a v1.0.0\n")
    _write_main(program, "a.A()")
    env = {
        **os.environ,
        "GOPROXY": proxy,
        "GOSUMDB": "off",
        "GOMODCACHE": str(tmp_path / "tidy"),
        "GOFLAGS": "-modcacherw",
    }
    subprocess.run(["go", "mod", "tidy"], cwd=program, env=env, check=True, capture_output=True)
    return program


def _write_main(program: Path, expression: str) -> None:
    (program / "main.go").write_text(
        f'package main\n\nimport "example.com/a"\n\nfunc main() {{ println(a.A(), {expression}) }}\n'
    )


def _build(source: Path, work: Path, proxy: str) -> subprocess.CompletedProcess[str]:
    """Build in a process of its own, with the module proxy in its environment."""
    script = (
        "import sys; from pathlib import Path; from tests.lab import gobuild\n"
        "work, source = Path(sys.argv[2]), gobuild.Source(Path(sys.argv[1]), 'a program', 'a second')\n"
        "gobuild.build(work / 'program', work, print, source)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script, str(source), str(work)],
        cwd=Path(gobuild.__file__).parents[2],
        env={**os.environ, "GOPROXY": proxy},
        check=False,
        capture_output=True,
        text=True,
    )


def test_unreachable_proxy_is_named_and_the_next_run_fetches(source: Path, proxy: str, tmp_path: Path) -> None:
    work = tmp_path / "work"
    failed = _build(source, work, NOWHERE)
    assert failed.returncode == 1
    assert f"It fetches from the Go module proxy (GOPROXY={NOWHERE}). If that is out of reach, run" in failed.stderr
    assert _build(source, work, proxy).returncode == 0
    assert _build(source, work, NOWHERE).returncode == 0, "all modules are there"


def test_compiled_packages_are_not_compiled_again(source: Path, proxy: str, tmp_path: Path) -> None:
    work = tmp_path / "work"
    _write_main(source, "no_such_name")
    assert _build(source, work, proxy).returncode == 1
    assert "example.com/a\n" in (work / "build.log").read_text()
    _write_main(source, "a.A()")
    assert _build(source, work, proxy).returncode == 0
    assert (work / "build.log").read_text() == "example.com/main\n"
    assert subprocess.run([work / "program"], check=True, capture_output=True).stderr == b"1 1\n"
