"""Commands of Makefile and Dockerfile against an index: newer releases change nothing, an outage is reported."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import cache
from tests.support import fake_index
from tests.support.locks import excluded_from_image, locked
from tests.support.tree import ROOT

REQUIREMENTS = ROOT / "requirements"
PIPS = {
    "22.3": "1daab4b8d3b97d1d763caeb01a4640a2250a0ea899e257b1e44b9eded91e15ab",
    "26.3": "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13",
}
"""The pip that Python 3.11.0 brings, and the newest one, with the SHA-256 of their wheels."""

PYTHON = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
_ABSOLUTE = re.compile(r"(?<![\w./])/(?=(?:tools|src|opt)\b)")
_LIST = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout whose locks have the hashes of tiny wheels, and an index of them and of newer ones."""
    copy = tmp_path_factory.mktemp("newer") / "checkout"
    copy.mkdir()
    for name in ("Makefile", "Dockerfile", "pyproject.toml"):
        shutil.copy(ROOT / name, copy / name)
    locks = [REQUIREMENTS / name for name in ("build.txt", "dev.txt", "runtime.txt")]  # not that of `make site` alone
    hashes = fake_index.make(copy.parent / "index", {k: v for lock in locks for k, v in locked(lock).items()})
    (copy / "requirements").mkdir()
    for lock in locks:
        lines = [f"{name}=={version} --hash=sha256:{hashes[name]}\n" for name, version in locked(lock).items()]
        (copy / "requirements" / lock.name).write_text("".join(lines))
    return copy


@pytest.fixture
def index(checkout: Path) -> Iterator[fake_index.Index]:
    with fake_index.serve(checkout.parent / "index") as served:
        yield served


@pytest.fixture(params=["22.3", pytest.param("26.3", marks=pytest.mark.release)])
def python(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a `python3` whose virtual environments have a pip of the version asked for."""
    if request.param == "22.3" and sys.version_info >= (3, 12):
        pytest.skip("pip 22.3 runs on Python 3.11 alone: run the tests with Python 3.11")
    script = tmp_path / "bin" / "python3"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\n{PYTHON} "$@" || exit\n'
        'case "$1 $2 $3" in "-m venv --"*) ;; "-m venv "*) '
        f'"$3/bin/python" -m pip --quiet install --no-index --no-deps {_pip(request.param)} ;; esac\n'
    )
    script.chmod(0o755)
    return script


def _pip(version: str) -> Path:
    """Return the wheel of a pip, fetched once."""
    wheel = cache.root() / "pips" / f"pip-{version}-py3-none-any.whl"
    if not wheel.exists():
        with cache.making(wheel.parent / version) as made:
            pinned = made / "pip.txt"
            pinned.write_text(f"pip=={version} --hash=sha256:{PIPS[version]}\n")
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
            subprocess.run([*pip, "--requirement", pinned, "--dest", made], check=True)
            (made / wheel.name).rename(wheel)
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == PIPS[version]
    return wheel


def _environment(index: fake_index.Index, python: Path) -> dict[str, str]:
    """Return an environment in which pip knows this index alone and keeps its files to itself."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MAKE", "VIRTUAL_ENV"))}
    own = {"PIP_INDEX_URL": f"{index.url}/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    own["PIP_TRUSTED_HOST"] = index.url.removeprefix("http://")  # pip keeps files of trusted hosts alone
    own |= {"PATH": f"{python.parent}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(python.parent / "cache")}
    return {**kept, **own, "HOME": str(python.parent)}


def _installed(python: Path) -> dict[str, str]:
    listed = subprocess.run([python, "-c", _LIST], check=True, capture_output=True, text=True)
    found: dict[str, str] = json.loads(listed.stdout)
    return {name: version for name, version in found.items() if name not in ("pip", "setuptools", "exalb")}


def _make_venv(checkout: Path, venv: Path, index: fake_index.Index, python: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "venv", f"PYTHON={python}", f"VENV={venv}"],
        cwd=checkout,
        env=_environment(index, python),
        check=False,
        capture_output=True,
        text=True,
    )


def test_makefile_installs_the_lock_despite_newer_releases(
    checkout: Path, index: fake_index.Index, python: Path, tmp_path: Path
) -> None:
    made = _make_venv(checkout, tmp_path / "venv", index, python)
    assert made.returncode == 0, made.stdout + made.stderr
    assert _installed(tmp_path / "venv" / "bin" / "python") == locked(REQUIREMENTS / "dev.txt")


def test_dockerfile_installs_the_locks_despite_newer_releases(
    checkout: Path, index: fake_index.Index, python: Path, tmp_path: Path
) -> None:
    shutil.copytree(checkout / "requirements", tmp_path / "src" / "requirements")
    text = (checkout / "Dockerfile").read_text().replace("\\\n", " ")
    commands = [
        line.removeprefix("RUN ") for line in text.splitlines() if re.match("RUN .*pip .*--require-hashes", line)
    ]
    assert len(commands) == 2, "one installs the tools, one the packages"
    for command in commands:
        here = _ABSOLUTE.sub(f"{tmp_path}/", command)
        run = subprocess.run(
            ["sh", "-c", here], env=_environment(index, python), check=False, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stdout + run.stderr
    assert _installed(tmp_path / "tools" / "bin" / "python") == locked(REQUIREMENTS / "build.txt")
    packages = locked(REQUIREMENTS / "runtime.txt")
    kept = {name: version for name, version in packages.items() if name not in excluded_from_image()}
    assert _installed(tmp_path / "opt" / "exalb" / "bin" / "python") == kept


@pytest.mark.release
@pytest.mark.parametrize("python", ["26.3"], indirect=True)
def test_outage_is_reported_and_the_next_run_fetches_only_the_rest(
    checkout: Path, index: fake_index.Index, python: Path, tmp_path: Path
) -> None:
    index.refused.add(f"ruff-{locked(REQUIREMENTS / 'dev.txt')['ruff']}-py3-none-any.whl")
    failed = _make_venv(checkout, tmp_path / "venv", index, python)
    assert failed.returncode != 0
    assert "run the same command again later" in failed.stdout
    assert any(path.endswith(".whl") for path in index.served)
    index.refused.clear()
    made = _make_venv(checkout, tmp_path / "venv", index, python)
    assert made.returncode == 0, made.stdout + made.stderr
    assert {path: count for path, count in index.served.items() if path.endswith(".whl") and count > 1} == {}
